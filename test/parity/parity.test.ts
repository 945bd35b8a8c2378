// Every fixture against what its reference library computed: no code here knows a family. VITRINE_FIXTURES=<folder> adds that folder's.
// max |a − b| ≤ tolerance · max |b| on every golden tensor, the input at the size of its own pixel values.
import { describe, expect, test } from 'vitest'
import { type ErrorCode, load, type Model, VitrineError } from '../../lib/index'
import { type Fixture, fixtures } from '../support/fixtures'
import { worst } from '../support/parity'
import { rejects } from '../support/rejects'
import { type Entry, values } from '../support/safetensors'

/** These must load, so that no fixture of them can be skipped in silence. */
const expected = /^(hf-(vit|deit|dinov2|clip)|torchvision)/
/** Containers and types that are not read yet; these may be refused, with one of the codes below. */
const notYet = /-bin|-float64|^torchvision-(swag-like|vit-legacy-mlp)$/
const refusals: readonly ErrorCode[] = ['ERR_CHECKPOINT_UNSUPPORTED', 'ERR_TENSOR_DTYPE']

const pools = ['tokens', 'cls', 'mean', 'pooled', 'logits'] as const
const defaultTolerance = 1e-4

async function compute(model: Model, pixels: Entry, wanted: readonly string[]): Promise<Map<string, ArrayLike<number>>> {
  const input = { type: 'float32', dims: pixels.shape, data: values(pixels) } as const
  const pool = pools.filter((name) => wanted.includes(name))
  const features = await model.features(input, { pool })
  const results = new Map<string, ArrayLike<number>>(pool.map((name, i) => [name, features[i]!.data]))
  if (wanted.includes('cls_attention')) results.set('cls_attention', (await model.attention(input)).data)
  return results
}

const withoutPaths = (message: string, fixture: Fixture) => message.replaceAll(fixture.folder, '')

describe.each(fixtures().map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
  const { golden } = fixture
  if (golden.refuse) {
    test(`is refused, and ${golden.error_names} named`, async () => {
      const error = await rejects(load(fixture.source), 'ERR_CHECKPOINT_UNSUPPORTED')
      expect(withoutPaths(error.message, fixture)).toContain(golden.error_names)
    })
    return
  }
  test('holds', async (context) => {
    let model: Model
    try {
      model = await load(fixture.source)
    } catch (error) {
      const excused = error instanceof VitrineError && (!expected.test(name) || notYet.test(name)) && skippable(error)
      if (!excused) throw error
      return context.skip(withoutPaths(error.message, fixture))
    }
    try {
      if (process.env.VITRINE_ISA) expect(model.info.isa).toBe(process.env.VITRINE_ISA)
      const { pixel_values: pixels, ...goldens } = fixture.tensors()
      const results = await compute(model, pixels!, Object.keys(goldens))
      expect([...results.keys()].sort()).toEqual(Object.keys(goldens).sort())
      for (const [tensor, entry] of Object.entries(goldens)) {
        const { error, where } = worst(results.get(tensor)!, values(entry))
        expect(error, `${tensor}: ${where} (${model.info.isa})`).toBeLessThanOrEqual(golden.tolerance ?? defaultTolerance)
      }
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
  for (const prefix of ['hf-vit', 'hf-deit', 'hf-dinov2', 'hf-clip', 'torchvision', 'refuse-']) {
    expect(names.filter((name) => name.startsWith(prefix)).length, prefix).toBeGreaterThan(0)
  }
})
