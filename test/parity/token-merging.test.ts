// Token merging against goldens of the published code over transformers' layers (scripts/token-merging-golden.py).
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type FeatureTensor, load } from '../../lib/index'
import { fixture, readJson, root } from '../support/fixtures'
import { worst } from '../support/parity'
import { decode, values } from '../support/safetensors'

const schedules = (names: string[]) => [...new Set(names.map((name) => name.split('@')[1]!))]
const asOption = (schedule: string) => (schedule.includes(',') ? schedule.split(',').map(Number) : Number(schedule))

describe.each(['hf-vit-names-v5', 'hf-deit'])('%s', (name) => {
  const golden = decode(join(fixture(name), 'golden-token-merging.safetensors'))
  const pixels = decode(join(fixture(name), 'golden.safetensors')).pixel_values!
  const input = { type: 'float32', dims: pixels.shape, data: values(pixels) } as const

  test.each(schedules(Object.keys(golden)))('tokenMerging %s', async (schedule) => {
    const model = await load(fixture(name))
    const pool = ['tokens', 'mean', 'cls'] as const
    const [tokens, mean, cls] = (await model.features(input, { pool, tokenMerging: asOption(schedule) })) as FeatureTensor[]
    await model.close()
    const expected = golden[`tokens@${schedule}`]!
    expect(tokens!.dims).toEqual(expected.shape)
    for (const [what, found, entry] of [
      ['tokens', tokens!.data, expected],
      ['mean', mean!.data, golden[`mean@${schedule}`]!],
    ] as const) {
      const { error, where } = worst(found, values(entry))
      expect(error, `${what}: ${where}`).toBeLessThanOrEqual(1e-4)
    }
    expect(cls!.row(1)).toEqual(tokens!.row(1).subarray(0, cls!.dims[1]))
  })
})

// Real sizes. Where two edges are as good as equal, float32 may choose another than float64; in these three images it does not.
describe.skipIf(process.env.VITRINE_ISA === 'reference')('default checkpoint', () => {
  const folder = join(root, 'models', 'default')
  const golden = decode(join(root, 'test', 'fixtures', 'token-merging', 'default.safetensors'))
  const names = (readJson(join(folder, 'golden.json')).images as string[]).map((name) => join(root, 'examples', 'photos', name))

  test.each(schedules(Object.keys(golden)))('tokenMerging %s', async (schedule) => {
    const images = golden[`cls@${schedule}`]!.shape[0]!
    const model = await load(folder)
    const pool = ['cls', 'mean'] as const
    const found = (await model.features(names.slice(0, images), { pool, tokenMerging: Number(schedule) })) as FeatureTensor[]
    await model.close()
    pool.forEach((name, i) => {
      const { error, where } = worst(found[i]!.data, values(golden[`${name}@${schedule}`]!))
      expect(error, `${name}: ${where}`).toBeLessThanOrEqual(1e-4)
    })
  })
})
