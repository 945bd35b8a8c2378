// What CUDA alone takes otherwise (fused operators, pictures as bytes that the graph normalises, half precision), through ONNX Runtime's CPU
// provider: the same sessions, the same calls, beside vitrine's own engine.
import { afterAll, describe, expect, test } from 'vitest'
import { openCheckpoint, type SpecCheckpoint } from '../../lib/checkpoint/open'
import { Gate } from '../../lib/gate'
import { type FeatureTensor, load } from '../../lib/index'
import { Model } from '../../lib/model'
import { native } from '../../lib/native'
import { plainWords, type SpecSessions, specEngine } from '../../lib/onnx/sessions'
import { photo, pixelValues, until } from '../api/support'
import { fixture } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { worst } from '../support/parity'

const images = [photo('chelsea.jpg'), photo('rocket.jpg'), photo('coffee.jpg')]
const cpu = { provider: 'CPUExecutionProvider', device: 'test', isa: '', threads: 1, weightBytes: 0 }

function modelOf(checkpoint: SpecCheckpoint, how: SpecSessions): Model {
  const target = { library: ortLibrary!, provider: { name: 'cpu', options: {} }, threads: 1, batch: 4, graphCapture: false }
  const engine = specEngine(checkpoint, { ...cpu, dtype: 'fp32' }, target, how)
  return new Model({ checkpoint, engine, gate: new Gate(engine.inFlight), active: new Set() })
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, x, y] = [0, 0, 0]
  for (const [i, value] of a.entries()) {
    dot += value * b[i]!
    x += value * value
    y += b[i]! * b[i]!
  }
  return dot / Math.sqrt(x * y)
}

const names = [
  'hf-vit-nonsquare',
  'hf-deit',
  'hf-clip-composite',
  'hf-clip-classifier',
  'hf-dinov2-registers-larger-input',
  'hf-dinov2-swiglu-names-v5',
  'torchvision-vit-larger-input',
]

test("ONNX Runtime's messages lose the places in its own source", () => {
  const source = '/onnxruntime_src/onnxruntime/core'
  for (const [said, plain] of [
    [
      `cuda: ${source}/session/provider_bridge_ort.cc:1988 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /a/b.so with error: libcublas.so.12: cannot open\n`,
      'cuda: Failed to load library /a/b.so with error: libcublas.so.12: cannot open',
    ],
    [
      `failed:${source}/graph/model.cc:145 onnxruntime::Model::Model(onnx::ModelProto&&, const PathString&) Unsupported model IR version: 10`,
      'failed:Unsupported model IR version: 10',
    ],
    [
      `${source}/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const Config&)::<lambda()> Failed to get an adapter`,
      'Failed to get an adapter',
    ],
    ['nothing of the kind', 'nothing of the kind'],
  ])
    expect(plainWords(said!)).toBe(plain)
})

describe.skipIf(!ortLibrary)('as on CUDA', () => {
  afterAll(() => until(() => native().counters().onnxSessions === 0))

  test.each(names)('%s: every call, fused, from bytes and from pixel values', async (name) => {
    const checkpoint = await openCheckpoint(fixture(name), {})
    const own = await load(fixture(name), { device: 'cpu', threads: 1 })
    const model = modelOf(checkpoint, { type: 'float32', fused: true, bytes: true })
    const near = (found: FeatureTensor, expected: FeatureTensor, what: string) => {
      expect(found.dims, what).toEqual(expected.dims)
      const { error, where } = worst(found.data, expected.data)
      expect(error, `${what}: ${where}`).toBeLessThanOrEqual(1e-4)
    }
    try {
      const { height, width } = own.info.imageSize
      const all = pixelValues(3, Math.max(height, width)).data.subarray(0, 9 * height * width)
      const pixels = { type: 'float32', dims: [3, 3, height, width], data: all } as const
      const pool = own.info.pools
      for (const [kind, input] of [
        ['pictures', images],
        ['pixel values', pixels],
      ] as const) {
        const [found, expected] = [await model.features(input, { pool }), await own.features(input, { pool })]
        for (const [i, one] of pool.entries()) near(found[i]!, expected[i]!, `${kind}, ${one}`)
        const layers = [1, -1]
        const [inside, others] = [await model.features(input, { layers }), await own.features(input, { layers })]
        for (const [i, one] of layers.entries()) near(inside[i]!, others[i]!, `${kind}, layer ${one}`)
        near(await model.attention(input), await own.attention(input), `${kind}, attention`)
      }
      const patch = own.info.patchSize!
      const imageSize = { height: 3 * patch.height, width: 5 * patch.width }
      near(await model.features(images, { imageSize }), await own.features(images, { imageSize }), 'another size')
    } finally {
      await Promise.all([model.close(), own.close()])
    }
  })

  test('the default checkpoint in float16', async () => {
    const checkpoint = await openCheckpoint(fixture('../../models/default'), {})
    const own = await load(fixture('../../models/default'), { device: 'cpu' })
    const model = modelOf(checkpoint, { type: 'float16', fused: true, bytes: true })
    try {
      const [found, expected] = [await model.features(images), await own.features(images)]
      for (const row of images.keys()) expect(cosine(found.row(row), expected.row(row))).toBeGreaterThan(0.9999)
    } finally {
      await Promise.all([model.close(), own.close()])
    }
  })
})
