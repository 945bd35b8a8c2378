// Token merging in the engine against plain loops in double: every prefix, schedule and pooling; its bits; what merges to nothing.
process.env.VITRINE_THREADS = '4'

import { expect, test } from 'vitest'
import type { Output } from '../../lib/spec'
import { expectSameBits, expectWithin, norm, reduction } from '../support/tolerance'
import { plainEncode, prefixRows } from './plain-encoder'
import { plainMerge } from './plain-merge'
import { type ModelOptions, randomModel } from './random-model'
import {
  attention,
  cls,
  dtypes,
  loadSpec,
  mean,
  outputLength,
  pooled,
  randomPicture,
  randomPixels,
  run,
  term,
  tokens,
  translated,
} from './support'

const prefixes: Record<string, ModelOptions['prefix'] & {}> = {
  'no prefix': [],
  CLS: [{ rows: 1, position: true }],
  'CLS and distillation': [
    { rows: 1, position: true },
    { rows: 1, position: true },
  ],
  'CLS and two registers': [
    { rows: 1, position: true },
    { rows: 2, position: false },
  ],
  'CLS and four registers': [
    { rows: 1, position: true },
    { rows: 4, position: false },
  ],
}
const schedules = {
  'one in each block': [1, 1, 1],
  'more at first': [5, 2, 0],
  'half each': [99, 99, 99],
  'the last alone': [0, 0, 4],
  'a short list': [3],
}
const sizes: [number, number][] = [
  [12, 16],
  [20, 12],
]

/** Neither the same for all outputs, nor the first few rows alone. */
const outputsOf = (prefix: number): Output[] => [
  pooled([term(0, 1)]),
  pooled([term(prefix, -1, { mean: true })]),
  tokens,
  pooled([term(0, -1, { afterNorm: false })]),
  pooled([term(0, 1), term(prefix, -1, { mean: true, afterNorm: false })], { head: 0 }),
  pooled([term(0, -1)], { layer: 1 }),
  pooled([term(prefix, -1, { mean: true })], { layer: 2, normalize: true }),
]

for (const [prefixName, prefix] of Object.entries(prefixes)) {
  test.each(Object.entries(schedules))(`${prefixName}: %s`, async (name, merging) => {
    for (const [height, width] of sizes) {
      const grid: [number, number] = [height / 4, width / 4]
      const model = randomModel({ prefix, grid, blocks: 3, heads_out: [{ in: 48, out: 7, activation: 'none' }] })
      const { spec } = model
      const engine = await loadSpec(spec)
      const image = randomPixels(7, height, width)
      const outputs = outputsOf(prefixRows(spec))
      const expected = plainEncode(model, image.data, height, width, outputs, merging)
      const actual = await run(engine, spec, image, outputs, merging)
      expected.forEach((values, i) => {
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        const bound = 16 * reduction(48, Math.max(largest, norm(values) / Math.sqrt(values.length)))
        expectWithin(actual[i]!, values, () => bound, `${name}, ${height}×${width}, output ${i}`, 1)
      })
      for (const [i, output] of outputs.entries()) {
        const [alone] = await run(engine, spec, image, [output], merging)
        expectSameBits(alone!, actual[i]!, `output ${i} alone`)
      }
      engine.close()
    }
  })
}

test('the plain oracle, by hand: the nearest pair merges, sizes weigh, the order is that of the paper', () => {
  const at = (angle: number) => Float64Array.of(Math.cos(angle), Math.sin(angle))
  const row = (value: number) => Float64Array.of(value)
  // Of the even tokens behind CLS (2, 4, 6) the nearest odd ones are 3, 5 and 5; 4 and 6 are nearer than 2.
  const keys = [at(0), at(2), at(0.5), at(0.9), at(3), at(3.1), at(3.3)]
  const rows = [100, 1, 2, 3, 4, 5, 6].map(row)
  const { rows: merged, sizes: weights } = plainMerge(rows, [1, 1, 1, 1, 2, 1, 3], keys, 1, 2)
  expect(merged.map(([value]) => value)).toEqual([100, 2, 1, 3, (5 + 2 * 4 + 3 * 6) / 6])
  expect(weights).toEqual([1, 1, 1, 1, 6])
})

// Wide enough for several chunks of every phase, and a second key block of attention.
const large: ModelOptions = { mlpWidth: 150, patch: [2, 2], grid: [14, 14], heads: 2 }
const size = [40, 42] as const
const sameBits = dtypes.flatMap((dtype) => [72, 64].map((dim) => [dtype, dim] as const)) // 64: heads are whole panels

test.each(sameBits)('the same bits in %s, %i wide: alone, in a batch, with any number of threads', async (dtype, dim) => {
  const { spec } = randomModel({ ...large, dim, blocks: 3 })
  const merging = [40, 0, 300]
  const images = Array.from({ length: 5 }, (_, i) => (i % 2 ? randomPicture(i, ...size) : randomPixels(i, ...size)))
  const outputs = { cls, mean: mean(spec), tokens, layer: pooled([term(0, -1)], { layer: 1 }) }
  const single = await loadSpec(spec, 1, dtype)
  const expected: Float32Array[][] = []
  for (const image of images) expected.push(await run(single, spec, image, Object.values(outputs), merging))
  for (const threads of [1, 2, 4]) {
    const model = await loadSpec(spec, threads, dtype)
    for (const [j, [pool, output]] of Object.entries(outputs).entries()) {
      const length = outputLength(spec, images[0]!, output, merging)
      const sink = new Float32Array(images.length * length)
      await Promise.all(images.map((image, row) => model.run(image, [output], [sink], row, merging).promise))
      for (const [i, image] of images.entries()) {
        const [alone] = await run(model, spec, image, [output], merging)
        expectSameBits(alone!, expected[i]![j]!, `${pool} of image ${i}, ${threads} threads`)
        expectSameBits(sink.subarray(i * length, (i + 1) * length), alone!, `${pool} of image ${i} in a batch, ${threads} threads`)
      }
    }
    model.close()
  }
  single.close()
})

test.each(dtypes)('in %s it stays near the plain encoder that merges', async (dtype) => {
  const model = randomModel({ dim: 64, heads: 2, mlpWidth: 128, blocks: 2 })
  const engine = await loadSpec(model.spec, 1, dtype)
  const image = randomPixels(3, 12, 12)
  const [expected] = plainEncode(model, image.data, 12, 12, [tokens], [2, 1])
  const [actual] = await run(engine, model.spec, image, [tokens], [2, 1])
  const error = norm(expected!.map((value, i) => value - actual![i]!)) / norm(expected!)
  expect(error).toBeLessThan({ fp32: 1e-5, bf16: 0.02, int8: 0.05 }[dtype])
  engine.close()
})

test('merging nothing has the bits of no merging', async () => {
  const { spec } = randomModel({ blocks: 3 })
  const engine = await loadSpec(spec)
  const image = randomPixels(1, 12, 12)
  const outputs = [cls, mean(spec), tokens]
  const plain = await run(engine, spec, image, outputs)
  for (const merging of [[], [0], [0, 0, 0]]) {
    const merged = await run(engine, spec, image, outputs, merging)
    for (const [i, values] of merged.entries()) expectSameBits(values, plain[i]!, `output ${i}, ${merging}`)
  }
  engine.close()
})

test.each(['no-key', 'all'] as const)('keys that are all the same, or zero, merge by index: bias %s', async (qkvBias) => {
  const model = randomModel({ qkvBias, grid: [3, 4], blocks: 2 })
  const { spec } = model
  for (const { qkv } of spec.blocks) qkv.weight[1] = { zeros: [spec.heads * spec.headDim, spec.dim], name: 'k' }
  const engine = await loadSpec(spec)
  const image = randomPixels(1, 12, 16)
  const [expected] = plainEncode(model, image.data, 12, 16, [tokens], [3, 2])
  const [actual] = await run(engine, spec, image, [tokens], [3, 2])
  expectWithin(actual!, expected!, () => 1e-4, 'tokens')
  engine.close()
})

test('NaN stays in its image; one patch, or none to spare, merges nothing', async () => {
  const { spec } = randomModel()
  const engine = await loadSpec(spec)
  const image = randomPixels(1, 12, 12)
  image.data[40] = Number.NaN
  const [values] = await run(engine, spec, image, [tokens], [2, 2])
  expect(values!.every(Number.isNaN)).toBe(true)
  const one = randomPixels(1, 4, 4)
  const [merged] = await run(engine, spec, one, [tokens], [9, 9])
  const [plain] = await run(engine, spec, one, [tokens])
  expectSameBits(merged!, plain!, 'one patch')
  engine.close()
})

test('what cannot be is refused: attention, rows that are gone, schedules that are none', async () => {
  const { spec } = randomModel()
  const engine = await loadSpec(spec)
  const image = randomPixels(1, 12, 12)
  const call = (output: Output, merging: unknown) =>
    translated(() => engine.run(image, [output], [new Float32Array(1000)], 0, merging as number[]).promise)
  await expect(call(attention, [1])).rejects.toMatchObject({ code: 'ERR_POOL_UNAVAILABLE' })
  await expect(call(pooled([term(8, 2)]), [3, 3])).rejects.toMatchObject({ code: 'ERR_POOL_UNAVAILABLE' })
  for (const bad of [[-1], [0.5], ['2'], [2 ** 40], 'all']) await expect(call(cls, bad)).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
  engine.close()
})
