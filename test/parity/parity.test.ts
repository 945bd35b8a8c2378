// Every fixture against what its reference library computed: no code here knows a family. VITRINE_FIXTURES=<folder> adds that folder's.
// max |a − b| ≤ tolerance · max |b| on every golden tensor, the input at the size of its own pixel values.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, type LoadOptions, load, type Model, VitrineError } from '../../lib/index'
import { type Fixture, fixtures } from '../support/fixtures'
import { asDownloaded, asHubCache } from '../support/hub'
import { ortLibrary } from '../support/ort'
import { worst } from '../support/parity'
import { rejects } from '../support/rejects'
import { type Entry, values } from '../support/safetensors'

/** These must load, so that no fixture of them can be skipped in silence. */
const expected = /^(hf-(vit|deit|dinov2|clip)|torchvision|onnx)/
/** Containers and types that are not read yet; these may be refused, with one of the codes below. */
const notYet = /-bin|-float64|^torchvision-(swag-like|vit-legacy-mlp)$/
const refusals: readonly ErrorCode[] = ['ERR_CHECKPOINT_UNSUPPORTED', 'ERR_TENSOR_DTYPE']

const pools = ['tokens', 'cls', 'mean', 'pooled', 'logits'] as const
const defaultTolerance = 1e-4
/** Projects of a weaker instruction set are there for vitrine's own kernels. */
const isaForced = Boolean(process.env.VITRINE_ISA)

async function compute(model: Model, pixels: Entry, wanted: readonly string[]): Promise<Map<string, ArrayLike<number>>> {
  const input = { type: 'float32', dims: pixels.shape, data: values(pixels) } as const
  const pool = pools.filter((name) => wanted.includes(name))
  const features = await model.features(input, { pool })
  const results = new Map<string, ArrayLike<number>>(pool.map((name, i) => [name, features[i]!.data]))
  if (wanted.includes('cls_attention')) results.set('cls_attention', (await model.attention(input)).data)
  return results
}

const withoutPaths = (message: string, fixture: Fixture) => message.replaceAll(fixture.folder, '')

/** How a fixture is run: as it lies, through the graph on ONNX Runtime, and so again from a folder of links as a hub's cache has them. */
const ways: Record<string, { options?: LoadOptions; hub?: true; skip: boolean }> = {
  'as it lies': { skip: false },
  "on ONNX Runtime's CPU": { options: { device: 'ort-cpu' }, skip: !ortLibrary || isaForced },
  "on ONNX Runtime's CPU, from a hub's cache": {
    options: { device: 'ort-cpu' },
    hub: true,
    skip: !ortLibrary || isaForced || process.platform === 'win32',
  },
}

describe.each(fixtures().map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
  const { golden } = fixture
  if (golden.refuse) {
    test(`is refused, and ${golden.error_names} named`, async () => {
      const error = await rejects(load(fixture.source), 'ERR_CHECKPOINT_UNSUPPORTED')
      expect(withoutPaths(error.message, fixture)).toContain(golden.error_names)
    })
    return
  }
  const isGraph = name.startsWith('onnx-')
  let own: Map<string, ArrayLike<number>> | undefined
  test.for(Object.entries(ways).filter(([, { skip }]) => !skip))('holds %s', async ([, { options, hub }], context) => {
    if (isGraph && (!ortLibrary || isaForced)) return context.skip('no ONNX Runtime is installed, or another project runs it')
    let model: Model
    try {
      const folder = hub ? asHubCache(fixture.folder) : isGraph ? asDownloaded(fixture.folder) : fixture.folder
      model = await load(golden.source ? join(folder, golden.source) : folder, options)
    } catch (error) {
      const excused = error instanceof VitrineError && (!expected.test(name) || notYet.test(name)) && skippable(error)
      if (!excused) throw error
      return context.skip(withoutPaths(error.message, fixture))
    }
    try {
      if (isaForced) expect(model.info.isa).toBe(process.env.VITRINE_ISA)
      if (options?.device) expect(model.info).toMatchObject({ device: options.device, provider: 'CPUExecutionProvider' })
      const { pixel_values: pixels, ...goldens } = fixture.tensors()
      const results = await compute(model, pixels!, Object.keys(goldens))
      expect([...results.keys()].sort()).toEqual(Object.keys(goldens).sort())
      for (const [tensor, entry] of Object.entries(goldens)) {
        const bound = golden.tolerance ?? defaultTolerance
        const { error, where } = worst(results.get(tensor)!, values(entry))
        expect(error, `${tensor}: ${where} (${model.info.device}, ${model.info.isa})`).toBeLessThanOrEqual(bound)
        if (!own) continue
        const twin = worst(results.get(tensor)!, own.get(tensor)!)
        expect(twin.error, `${tensor}, beside vitrine's own engine: ${twin.where}`).toBeLessThanOrEqual(bound)
      }
      own ??= results
    } finally {
      await model.close()
    }
  })
})

/** A fixture of a later issue may be refused by name, and by what its folder holds; it may not fail in any other way. */
function skippable(error: VitrineError): boolean {
  return refusals.includes(error.code) || (error.code === 'ERR_TENSOR_MISSING' && error.message.includes('golden.safetensors'))
}

test('the comparison bites: a planted fault of any sign, in the last value, or a NaN', () => {
  const golden = Float32Array.from({ length: 97 }, (_, i) => Math.sin(i) - 0.5)
  expect(worst(golden, golden).error).toBe(0)
  for (const [index, wrong] of [
    [96, golden[96]! + 1e-3],
    [96, golden[96]! - 1e-3],
    [5, -golden[5]!],
    [0, Number.NaN],
  ] as const) {
    const found = Float32Array.from(golden)
    found[index] = wrong
    expect(worst(found, golden).error).toBeGreaterThan(defaultTolerance)
  }
  expect(worst(golden.subarray(1), golden).error).toBe(Number.POSITIVE_INFINITY)
})

test('fixtures are there', () => {
  const names = fixtures().map((fixture) => fixture.name)
  for (const prefix of ['hf-vit', 'hf-deit', 'hf-dinov2', 'hf-clip', 'torchvision', 'onnx', 'refuse-']) {
    expect(names.filter((name) => name.startsWith(prefix)).length, prefix).toBeGreaterThan(0)
  }
})
