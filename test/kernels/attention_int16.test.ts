// attention_int16 of native/kernels/attention.h: every instruction set against the reference, which multiplies the floats themselves.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { padded, unpadded } from '../support/shapes'
import { expectSameBits, expectWithin } from '../support/tolerance'
import { type AttentionCall, isas, kernels } from './kernels'
import { expectNaNStays, oneHead } from './one_head'

const largest = (x: Float32Array) => x.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0)
const inside = (out: Float32Array, { tokens, headDim, ldo }: AttentionCall) => unpadded(tokens, headDim, ldo, out)

/** How far a score may be off: each channel of a query and a key by half a step, which do not all err in one direction. */
const scoreError = ({ q, k, headDim, scale }: AttentionCall) =>
  (3 * Math.abs(scale) * Math.sqrt(headDim) * largest(q) * largest(k)) / Math.min(32767, Math.sqrt(2 ** 31 / (headDim + 1)))

function compare(name: string, call: AttentionCall, seed: number): void {
  const what = `${name} T ${call.tokens} K ${call.headDim}`
  const found = kernels.shortAttention(name, call)
  const relative = scoreError(call) + 2e-4
  const bound = largest(call.v) * (relative + 2 ** -13)
  expectWithin(inside(found, call), inside(kernels.shortAttention('reference', call), call), () => bound, what, seed)
  const outside = found.map((x, i) => (i % call.ldo < call.headDim ? call.out[i]! : x))
  expectSameBits(outside, call.out, `${what}, outside`, seed)
  const weights = kernels.shortAttention('reference', { ...call, weights: true })
  const foundWeights = kernels.shortAttention(name, { ...call, weights: true })
  expectWithin(foundWeights, weights, (i) => 2 * relative * weights[i]! + 1e-7, `${what}, weights`, seed)
}

describe.each(isas)('attention of int16 on $name', ({ name }) => {
  test.each([1, 2, 13, 15, 16, 17, 31, 32, 33, 48, 49, 197, 257, 320, 321, 352, 353, 700])('%i tokens', (tokens) => {
    const random = new Random(4800)
    for (const headDim of [1, 2, 15, 16, 17, 31, 32, 33, 36, 64, 65, 80, 96, 130])
      compare(name, oneHead(random, tokens, headDim), random.seed)
  })

  test('sharp and flat softmax, a negative scale', () => {
    const random = new Random(4810)
    for (const sharp of [0, 1e-3, 40]) compare(name, oneHead(random, 333, 64, sharp), random.seed)
    compare(name, { ...oneHead(random, 50, 16), scale: -0.25 }, random.seed)
  })

  test('a bias by key, -∞ among them', () => {
    const random = new Random(4820)
    for (const tokens of [1, 2, 16, 31, 33, 197, 321, 353, 700]) {
      for (const headDim of [16, 36, 64]) {
        const keyBias = random.floats(tokens, 4).map((x, t) => (t > 0 && t % 5 === 0 ? Number.NEGATIVE_INFINITY : x))
        compare(name, { ...oneHead(random, tokens, headDim), keyBias }, random.seed)
      }
    }
  })

  test('the largest sums stay within int32: all weights alike, all values and all channels of a sign', () => {
    for (const sign of [1, -1]) {
      for (const tokens of [1, 2, 31, 197, 319, 320, 321, 640, 700]) {
        for (const headDim of [1, 16, 63, 64, 128]) {
          const call = oneHead(new Random(4830), tokens, headDim)
          const fill = (value: number) => padded(tokens, headDim, call.ld, new Float32Array(tokens * headDim).fill(value))
          const same = { ...call, q: fill(sign * 3), k: fill(1.7), v: fill(sign * 2) }
          const found = inside(kernels.shortAttention(name, same), same)
          expectWithin(found, new Float32Array(found.length).fill(sign * 2), () => 2e-3, `T ${tokens} K ${headDim}`)
        }
      }
    }
  })

  test('a token with large values and a large key leaves the others their precision', () => {
    const random = new Random(4840)
    const call = oneHead(random, 197, 64)
    for (let d = 0; d < 64; d++) {
      call.k[100 * call.ld + d]! *= 50
      call.q[100 * call.ld + d]! *= 50
    }
    const keyBias = new Float32Array(197)
    keyBias[100] = Number.NEGATIVE_INFINITY // so that the scores of the rest decide
    const hidden = { ...call, keyBias, queryEnd: 100 }
    const found = inside(kernels.shortAttention(name, hidden), call).subarray(0, 100 * 64)
    const expected = inside(kernels.shortAttention('reference', hidden), call).subarray(0, 100 * 64)
    expectWithin(found, expected, () => 4e-3, name, random.seed)
  })

  test('a query has the same bits alone and in any range', () => {
    const random = new Random(4850)
    for (const [tokens, headDim] of [
      [197, 64],
      [65, 80],
      [700, 33],
    ] as const) {
      const call = oneHead(random, tokens, headDim)
      const whole = inside(kernels.shortAttention(name, call), call)
      for (let round = 0; round < 12; round++) {
        const queryBegin = round === 0 ? 0 : random.int(0, tokens)
        const queryEnd = round < 6 ? queryBegin + 1 : random.int(queryBegin, tokens) + 1
        const part = inside(kernels.shortAttention(name, { ...call, queryBegin, queryEnd }), call)
        const range = [queryBegin * headDim, queryEnd * headDim] as const
        expectSameBits(part.subarray(...range), whole.subarray(...range), `queries ${queryBegin}-${queryEnd}`, random.seed)
      }
    }
  })

  test('NaN: a query’s stays with it, a value’s in its column, a key’s reaches every query', () => {
    expectNaNStays(new Random(4860), (call) => inside(kernels.shortAttention(name, call), call))
  })

  test('large, small and no values', () => {
    const random = new Random(4870)
    const call = oneHead(random, 40, 16)
    compare(name, { ...call, v: call.v.map((x) => x * 1e30) }, random.seed)
    compare(name, { ...call, q: call.q.map((x) => x * 1e15), k: call.k.map((x) => x * 1e-15) }, random.seed)
    const tiny = { ...call, q: call.q.map((x) => x * 1e-42) }
    compare(name, tiny, random.seed)
    const zeros = { ...call, v: call.v.map((x) => x * 0) }
    expect(inside(kernels.shortAttention(name, zeros), call).every((x) => x === 0)).toBe(true)
  })
})
