// Every call on a device of ONNX Runtime, here its CPU provider, beside vitrine's own engine: the same results, the same errors.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { type FeatureTensor, load, type Model, VitrineError } from '../../lib/index'
import { native } from '../../lib/native'
import { buildGraph, type Graph, type GraphOptions, type Port } from '../../lib/onnx/graph'
import { modelBytes } from '../../lib/onnx/proto'
import { WeightReader } from '../../lib/onnx/values'
import { poolBranches } from '../../lib/pooling'
import { fixture } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { worst } from '../support/parity'
import { expectCode, photo, photoBytes, photos, pixelValues, tick, until } from './support'
import { tiny, writeTiny } from './tiny'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-devices-'))
afterAll(() => rmSync(folder, { recursive: true }))
const near = (found: FeatureTensor, expected: FeatureTensor, what: string) => {
  expect(found.dims, what).toEqual(expected.dims)
  const { error, where } = worst(found.data, expected.data)
  expect(error, `${what}: ${where}`).toBeLessThanOrEqual(1e-4)
}
const sessions = () => native().counters().onnxSessions

describe.skipIf(!ortLibrary)('a model on ort-cpu', () => {
  let model: Model
  let own: Model
  beforeAll(async () => {
    const source = writeTiny(join(folder, 'tiny'))
    model = await load(source, { device: { name: 'ort-cpu', batch: 4 }, threads: 1 })
    own = await load(source, { device: 'cpu', threads: 1 })
  })
  afterAll(async () => {
    await Promise.all([model.close(), own.close()])
    await until(() => sessions() === 0)
  })

  test('info says what runs it', () => {
    expect(model.info).toMatchObject({
      device: 'ort-cpu',
      provider: 'CPUExecutionProvider',
      dtype: 'fp32',
      threads: 1,
      family: 'vit',
      layers: 2,
    })
    expect(model.info.onnxruntime).toEqual({ version: expect.stringMatching(/^1\.\d+\.\d+/), path: ortLibrary })
    expect(model.info.weightBytes).toBeGreaterThan(10_000)
    expect(JSON.parse(JSON.stringify(model.info))).toEqual(model.info)
    expect(own.info.device).toBe('cpu')
    expect(own.info).not.toHaveProperty('provider')
    expect({ pools: model.info.pools, dims: model.info.dims }).toEqual({ pools: own.info.pools, dims: own.info.dims })
  })

  test.each([false, true])('every pool, of pixel values and of pictures, normalize %s', async (normalize) => {
    const pool = model.info.pools
    for (const input of [pixelValues(11, tiny.image), [photo('chelsea.jpg'), photoBytes('coffee.jpg'), photo('brick.jpg')]]) {
      const [found, expected] = await Promise.all([model.features(input, { pool, normalize }), own.features(input, { pool, normalize })])
      for (const [i, name] of pool.entries()) near(found[i]!, expected[i]!, name)
      for (const name of pool) near(await model.features(input, { pool: name, normalize }), expected[pool.indexOf(name)]!, name)
    }
  })

  test('layers, attention, classes, crops, another size', async () => {
    const images = [photo('chelsea.jpg'), photo('rocket.jpg')]
    const options = { layers: [1, -1, 2], pool: ['cls', 'mean', 'tokens'] } as const
    const [found, expected] = await Promise.all([model.features(images, options), own.features(images, options)])
    for (const [i, layer] of expected.entries()) for (const [j, tensor] of layer.entries()) near(found[i]![j]!, tensor, `layer ${i}, ${j}`)
    near(await model.attention(images), await own.attention(images), 'attention')
    near(await model.attention(pixelValues(3, tiny.image)), await own.attention(pixelValues(3, tiny.image)), 'attention of pixel values')
    const [classes, others] = await Promise.all([model.classify(images), own.classify(images)])
    expect(classes.map((image) => image.map(({ label }) => label))).toEqual(others.map((image) => image.map(({ label }) => label)))
    expect(classes[0]![0]!.score).toBeCloseTo(others[0]![0]!.score, 4)
    expect((await model.preprocess(images)).data).toEqual((await own.preprocess(images)).data)
    for (const imageSize of [96, { height: 32, width: 80 }]) {
      near(await model.features(images, { imageSize, pool: 'tokens' }), await own.features(images, { imageSize, pool: 'tokens' }), 'size')
    }
    near(await model.features(pixelValues(2, 32)), await own.features(pixelValues(2, 32)), 'smaller pixel values')
    await expectCode(model.features(images, { imageSize: 40 }), 'ERR_IMAGE_SIZE', '32 and 48')
    await expectCode(model.features(images, { layers: [3] }), 'ERR_OPTION_INVALID', 'layers')
  })

  test('a stream, in order, with a bad image among others', async () => {
    const sources = [photo('chelsea.jpg'), 'nowhere.jpg', ...photos.slice(0, 5)]
    const found: (FeatureTensor | undefined)[] = []
    for await (const { index, features, error } of model.stream(sources, { inFlight: 3 })) {
      expect(index).toBe(found.length)
      expect(error?.code).toBe(index === 1 ? 'ERR_IMAGE_NOT_FOUND' : undefined)
      found.push(features)
    }
    const expected = await own.features(sources, { errors: 'collect' })
    for (const [i, features] of found.entries()) if (features) expect(worst(features.data, expected.row(i)).error).toBeLessThanOrEqual(1e-4)
    for await (const _ of model.stream(photos)) break
  })

  test('bad images: the first is named, or all are kept', async () => {
    const images = [photo('chelsea.jpg'), Buffer.from('no picture'), photo('brick.jpg')]
    await expectCode(model.features(images), 'ERR_IMAGE_UNSUPPORTED', 'image 1')
    const some = await model.features(images, { errors: 'collect' })
    expect(some.errors!.map((error) => error?.code)).toEqual([undefined, 'ERR_IMAGE_UNSUPPORTED', undefined])
    expect(some.row(1).every(Number.isNaN)).toBe(true)
    expect(some.row(2).every(Number.isFinite)).toBe(true)
    await expectCode(model.features([]), 'ERR_NO_IMAGES')
  })

  test('pixel values that are not finite pass through, in their own row alone', async () => {
    const pixels = pixelValues(3, tiny.image)
    pixels.data[pixels.data.length / 3] = Number.NaN
    const { data } = await model.features(pixels)
    const rows = [0, 1, 2].map((row) => data.subarray(row * tiny.dim, (row + 1) * tiny.dim).every(Number.isFinite))
    expect(rows).toEqual([true, false, true])
  })

  test('abort before, during; a timeout', async () => {
    const reason = new Error('enough')
    await expect(model.features(photos, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const call = model.features(pixelValues(200, tiny.image), { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 1)
    await expect(call).rejects.toBe(reason)
    await expectCode(model.features(pixelValues(500, tiny.image), { timeoutMs: 1 }), 'ERR_TIMEOUT')
    expect((await model.features(photos[0]!)).dims).toEqual([1, tiny.dim])
  })

  test('images of one call run as batches', async () => {
    await until(() => native().counters().onnxRunning === 0)
    const before = native().counters()
    await model.features(pixelValues(12, tiny.image))
    const after = native().counters()
    expect(after.onnxImages - before.onnxImages).toBe(12)
    expect(after.onnxRuns - before.onnxRuns).toBeLessThanOrEqual(6)
  })
})

describe.skipIf(!ortLibrary)('sessions', () => {
  const source = writeTiny(join(folder, 'sessions'))
  const options = { device: 'ort-cpu', threads: 1 } as const

  test('are shared by models of the same file, and let go with the last', async () => {
    await until(() => sessions() === 0)
    const [a, b] = await Promise.all([load(source, options), load(source, options)])
    expect(sessions()).toBe(1)
    await a.close()
    await a.close()
    expect(sessions()).toBe(1)
    expect((await b.features(photos[0]!)).dims).toEqual([1, tiny.dim])
    await expectCode(a.features(photos[0]!), 'ERR_MODEL_CLOSED')
    await b.close()
    await until(() => sessions() === 0)
  })

  test('that calls need beside the first are built once, however many calls want them at once', async () => {
    const model = await load(source, options)
    await Promise.all(Array.from({ length: 5 }, () => model.attention(pixelValues(1, tiny.image))))
    expect(sessions()).toBe(2)
    await Promise.all(Array.from({ length: 5 }, () => model.features(pixelValues(1, tiny.image), { layers: [1] })))
    expect(sessions()).toBe(3)
    // Of those for layers, two are kept.
    for (const layers of [[1, 2], [1], [2, 1], [-2, -1]]) await model.features(pixelValues(1, tiny.image), { layers })
    expect(sessions()).toBeLessThanOrEqual(4)
    await model.close()
    await until(() => sessions() === 0)
  })

  test('close waits for running calls', async () => {
    const model = await load(source, options)
    const call = model.features(pixelValues(50, tiny.image))
    const attention = model.attention(pixelValues(4, tiny.image))
    await model.close()
    expect((await call).dims[0]).toBe(50)
    expect((await attention).dims[0]).toBe(4)
    await until(() => sessions() === 0)
  })

  test('an abort of load() leaves none behind', async () => {
    const reason = new Error('enough')
    for (const wait of [0, 2, 5, 10, 20]) {
      const copy = join(folder, `copy-${wait}`)
      cpSync(source, copy, { recursive: true })
      const controller = new AbortController()
      const call = load(copy, { ...options, signal: controller.signal })
      setTimeout(() => controller.abort(reason), wait)
      const model = await call.catch((error) => void expect(error).toBe(reason))
      await model?.close()
    }
    await tick(20)
    await until(() => sessions() === 0)
  })

  test('more images are let in than one run takes', async () => {
    const model = await load(source, { device: { name: 'ort-cpu', batch: 64 }, threads: 1 })
    await until(() => native().counters().onnxRunning === 0)
    const before = native().counters().onnxRuns
    await model.features(pixelValues(64, tiny.image))
    expect(native().counters().onnxRuns - before).toBeLessThanOrEqual(2)
    await model.close()
  })
})

describe.skipIf(!ortLibrary)('.onnx files', () => {
  test('run on the CPU by default, and say what they have', async () => {
    const model = await load(join(fixture('onnx-external-data'), 'onnx', 'model.onnx'))
    expect(model.info).toMatchObject({
      ...{
        family: 'vit',
        device: 'cpu',
        provider: 'CPUExecutionProvider',
        dtype: 'fp32',
        dim: 48,
        layers: 2,
        heads: 3,
        numPrefixTokens: 1,
      },
      ...{ imageSize: { height: 32, width: 32 }, grid: { height: 4, width: 4 }, pools: ['cls', 'mean', 'cls+mean', 'tokens'] },
      dims: { cls: [48], tokens: [17, 48] },
    })
    const image = photo('chelsea.jpg')
    const [cls, tokens] = (await model.features(image, { pool: ['cls', 'tokens'] })) as [FeatureTensor, FeatureTensor]
    expect(cls.data).toEqual(tokens.data.subarray(0, 48))
    const unit = await model.features(image, { normalize: true })
    expect(Math.hypot(...unit.data)).toBeCloseTo(1, 5)
    await expectCode(model.features(image, { pool: 'pooled' }), 'ERR_POOL_UNAVAILABLE', 'last_hidden_state', "'cls'")
    await expectCode(model.features(image, { layers: [1] }), 'ERR_POOL_UNAVAILABLE', 'ONNX graph')
    await expectCode(model.attention(image), 'ERR_POOL_UNAVAILABLE', 'ONNX graph')
    await expectCode(model.classify(image), 'ERR_POOL_UNAVAILABLE', 'classifier')
    await expectCode(model.features(image, { imageSize: 48 }), 'ERR_IMAGE_SIZE', '32×32 alone')
    await expectCode(model.features(pixelValues(1, 48)), 'ERR_IMAGE_SIZE', '32×32 alone')
    await model.close()
    await expectCode(model.features(image), 'ERR_MODEL_CLOSED')
    await until(() => sessions() === 0)
  })

  test('of half precision', async () => {
    const model = await load(join(fixture('onnx-fp16'), 'model.onnx'))
    expect(model.info.dtype).toBe('fp16')
    const pixels = pixelValues(2, 32)
    expect((await model.features(pixels)).data.every(Number.isFinite)).toBe(true)
    expect((await model.features(photo('chelsea.jpg'))).dims).toEqual([1, 48])
    await model.close()
  })
})

describe.skipIf(!ortLibrary)('graphs of other kinds, made here from a fixture', () => {
  const make = async (name: string, options: Partial<GraphOptions>, change: (graph: Graph) => Graph = (graph) => graph) => {
    const checkpoint = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const outputs = { cls: { kind: 'pool', branches: poolBranches('cls', checkpoint), normalize: false, layer: -1 } } as const
    const graph = buildGraph(checkpoint.spec, { input: 'float32', outputs, type: 'float32', fused: false, position: 'weight', ...options })
    const reader = await WeightReader.open(checkpoint.spec)
    const bytes = new Map<object, Uint8Array>()
    for (const weight of graph.weights) bytes.set(weight, await reader.bytes(weight))
    await reader.close()
    const path = join(folder, `${name}.onnx`)
    writeFileSync(
      path,
      modelBytes(change(graph), (weight) => ({ raw: bytes.get(weight)! })),
    )
    return path
  }
  const reference = async () => {
    const model = await load(fixture('hf-vit-nonsquare'), { device: 'cpu' })
    return model
  }

  test('pictures as bytes: the graph normalises, pixel values are refused', async () => {
    const own = await reference()
    const { preprocess, imageSize } = own.info
    const model = await load(await make('bytes', { input: 'uint8' }), { preprocess })
    expect(model.info.pools).toEqual(['cls'])
    near(await model.features(photos.slice(0, 3)), await own.features(photos.slice(0, 3)), 'cls')
    const pixels = {
      type: 'float32',
      dims: [1, 3, imageSize.height, imageSize.width],
      data: new Float32Array(3 * imageSize.height * imageSize.width),
    } as const
    await expectCode(model.features(pixels), 'ERR_IMAGE_UNSUPPORTED', 'as bytes')
    await Promise.all([model.close(), own.close()])
  })

  test('a fixed batch: any number of images in turns of it', async () => {
    const own = await reference()
    const fixed = (ports: Port[]) => ports.map((port) => ({ ...port, dims: port.dims.with(0, 3) }))
    const path = await make('fixed', {}, (graph) => ({ ...graph, inputs: fixed(graph.inputs), outputs: fixed(graph.outputs) }))
    const model = await load(path, { preprocess: own.info.preprocess })
    for (const count of [1, 3, 4, 7])
      near(await model.features(photos.slice(0, count)), await own.features(photos.slice(0, count)), `${count} images`)
    await Promise.all([model.close(), own.close()])
  })
})

describe('what is refused', () => {
  const source = writeTiny(join(folder, 'refused'))
  test('precisions that a device does not have', async () => {
    await expectCode(load(source, { device: 'cpu', dtype: 'fp16' }), 'ERR_DTYPE_UNAVAILABLE', 'fp16', 'ONNX Runtime')
    for (const dtype of ['fp16', 'bf16', 'int8'] as const) {
      await expectCode(load(join(fixture('onnx-fp16'), 'model.onnx'), { dtype }), 'ERR_DTYPE_UNAVAILABLE', 'ONNX graph')
    }
    await expectCode(load(source, { device: 'ort-cpu', dtype: 'int8' }), 'ERR_DTYPE_UNAVAILABLE', 'int8')
  })
  test.skipIf(!ortLibrary)('providers that the library does not have, and settings that a provider does not have', async () => {
    await expectCode(load(source, { device: 'npu' }), 'ERR_DEVICE_UNAVAILABLE', "device 'npu'", 'npuExecutionProvider', 'ort-cpu')
    await expectCode(load(source, { device: { name: 'ort-cpu', memoryLimit: 5 } }), 'ERR_OPTION_INVALID', 'memoryLimit')
    await expectCode(load(source, { device: 'ort-cpu:1' }), 'ERR_OPTION_INVALID', 'ort-cpu')
    await expectCode(load(source, { device: 'cpu:1' }), 'ERR_OPTION_INVALID', 'a number (cpu:1)')
    await expectCode(load(source, { device: { name: 'cpu', batch: 4 } }), 'ERR_OPTION_INVALID', 'batch', "'ort-cpu'")
  })
  test.skipIf(!ortLibrary)('bf16 where the provider has no kernels for it', async () => {
    const model = await load(source, { device: 'ort-cpu', dtype: 'bf16' }).catch((error) => error)
    if (model instanceof VitrineError) {
      expect(model.code).toBe('ERR_DTYPE_UNAVAILABLE')
      expect(model.message).toMatch(/dtype 'bf16' is not available on device 'ort-cpu': .*ONNX Runtime/)
    } else {
      await model.close()
    }
  })
  test.skipIf(!ortLibrary)('fp16 on the CPU runs, near fp32', async () => {
    const [half, single] = await Promise.all([load(source, { device: 'ort-cpu', dtype: 'fp16' }), load(source, { device: 'cpu' })])
    expect(half.info.dtype).toBe('fp16')
    const [a, b] = await Promise.all([half.features(photos[0]!), single.features(photos[0]!)])
    expect(worst(a.data, b.data).error).toBeLessThan(2e-2)
    await Promise.all([half.close(), single.close()])
  })
})
