// native/kernels/attention.h: every instruction set against the reference, and the property that a query's bits depend on no other.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { around, headDims, vitTokens } from '../support/shapes'
import { attention, expectSameBits, expectWithin, norm, reduction } from '../support/tolerance'
import { type AttentionCall, isas, kernels } from './kernels'
import { expectNaNStays, oneHead } from './one_head'

const largestNorm = (x: Float32Array, { tokens, headDim, ld }: AttentionCall) =>
  Math.max(...Array.from({ length: tokens }, (_, t) => norm(x, t * ld, headDim)))

/** Columns [0, headDim) of the call's queries */
const inside = (out: Float32Array, { headDim, ldo, queryBegin, queryEnd }: AttentionCall) =>
  Float32Array.from(
    { length: (queryEnd - queryBegin) * headDim },
    (_, i) => out[(queryBegin + Math.floor(i / headDim)) * ldo + (i % headDim)]!,
  )

function compare(name: string, call: AttentionCall, seed: number): void {
  const largest = { query: largestNorm(call.q, call), key: largestNorm(call.k, call), value: 0, scale: Math.abs(call.scale), bias: 0 }
  for (const x of call.keyBias ?? []) if (Number.isFinite(x)) largest.bias = Math.max(largest.bias, Math.abs(x))
  for (const x of call.v) if (Math.abs(x) > largest.value) largest.value = Math.abs(x)
  const actual = kernels.attention(name, call)
  const expected = kernels.attention('reference', call)
  const what = `${name} T ${call.tokens} K ${call.headDim}`
  expectWithin(inside(actual, call), inside(expected, call), () => attention(call.tokens, call.headDim, largest), what, seed)
  const rest = actual.map((x, i) =>
    i % call.ldo < call.headDim && i >= call.queryBegin * call.ldo && i < call.queryEnd * call.ldo ? call.out[i]! : x,
  )
  expectSameBits(rest, call.out, `${what}, outside`, seed)
  const weights = kernels.attention('reference', { ...call, weights: true })
  const error = 2 * attention(1, call.headDim, { ...largest, value: 1 }) + reduction(call.tokens, 1)
  expectWithin(
    kernels.attention(name, { ...call, weights: true }),
    weights,
    (i) => error * weights[i]! + 2 ** -125,
    `${what}, weights`,
    seed,
  )
}

describe.each(isas)('attention on $name', ({ name, rows, columns }) => {
  test('tokens around the tile of queries and of keys, head dims around a panel', () => {
    const random = new Random(4000)
    const sizes = new Set([...around(rows), ...around(columns), ...around(columns / 2)])
    for (const tokens of sizes)
      for (const headDim of sizes) if (tokens * headDim < 6000) compare(name, oneHead(random, tokens, headDim), random.seed)
  })

  test.each(vitTokens)('%i tokens, every head dim', (tokens) => {
    const random = new Random(4100)
    for (const headDim of headDims) {
      const call = oneHead(random, tokens, headDim)
      const queryBegin = random.int(0, tokens - 30)
      compare(name, { ...call, queryBegin, queryEnd: queryBegin + 30 }, random.seed)
    }
  })

  test('around one and several blocks of keys', () => {
    const random = new Random(4200)
    for (const tokens of [287, 288, 289, 319, 320, 321, 351, 352, 353, 640, 641, 961]) {
      const call = oneHead(random, tokens, 24)
      compare(name, { ...call, queryBegin: 5, queryEnd: 22 }, random.seed)
    }
  })

  test('sharp and flat softmax, a negative scale', () => {
    const random = new Random(4300)
    for (const sharp of [0, 1e-3, 40]) compare(name, oneHead(random, 333, 64, sharp), random.seed)
    const call = oneHead(random, 50, 16)
    compare(name, { ...call, scale: -0.25 }, random.seed)
  })

  test('a bias by key: around tiles and blocks, -∞ hides a key, none and zeros are the same', () => {
    const random = new Random(4350)
    const sizes = new Set([...around(columns), ...around(columns / 2), 197, 321, 352, 353, 700])
    for (const tokens of sizes) {
      for (const headDim of [16, 64, 80]) {
        const keyBias = random.floats(tokens, 4)
        const call = { ...oneHead(random, tokens, headDim), queryEnd: Math.min(tokens, rows + 2), keyBias }
        compare(name, call, random.seed)
        const hidden = keyBias.map((x, t) => (t > 0 && t % 3 === 0 ? Number.NEGATIVE_INFINITY : x))
        compare(name, { ...call, keyBias: hidden }, random.seed)
        const { keyBias: _, ...none } = call
        const zeros = kernels.attention(name, { ...call, keyBias: new Float32Array(tokens) })
        expectSameBits(zeros, kernels.attention(name, none), `${tokens} keys, zeros`, random.seed)
      }
    }
  })

  test('a query has the same bits alone and in any range', () => {
    const random = new Random(4400)
    for (const [tokens, headDim] of [
      [197, 64],
      [65, 80],
      [700, 33],
    ] as const) {
      const call = oneHead(random, tokens, headDim)
      const whole = kernels.attention(name, call)
      for (let round = 0; round < 12; round++) {
        const queryBegin = round === 0 ? 0 : random.int(0, tokens)
        const queryEnd = round < 6 ? queryBegin + 1 : random.int(queryBegin, tokens) + 1
        const part = { ...call, queryBegin, queryEnd }
        expectSameBits(inside(kernels.attention(name, part), part), inside(whole, part), `queries ${queryBegin}-${queryEnd}`, random.seed)
      }
    }
  })

  test('NaN: a query’s stays with it, a value’s in its column, a key’s reaches every query', () => {
    expectNaNStays(new Random(4500), (call) => inside(kernels.attention(name, call), call))
  })

  test('a whole block of -∞ scores weighs nothing; nothing but -∞ is NaN, as softmax is', () => {
    const tokens = 700
    const call = oneHead(new Random(4600), tokens, 16)
    call.q.fill(1)
    for (const [begin, end] of [
      [0, 352],
      [300, tokens],
      [0, tokens - 1],
    ] as const) {
      const k = call.k.map((x, i) => (Math.floor(i / call.ld) >= begin && Math.floor(i / call.ld) < end ? Number.NEGATIVE_INFINITY : x))
      const part = { ...call, k, queryEnd: 15 }
      const expected = inside(kernels.attention('reference', part), part)
      expect(expected.every(Number.isFinite)).toBe(true)
      expectWithin(inside(kernels.attention(name, part), part), expected, () => 1e-5, `keys ${begin}-${end} masked`)
      const weights = kernels.attention(name, { ...part, weights: true })
      expect(weights.subarray(begin, end).every((weight) => weight === 0)).toBe(true)
    }
    const none = { ...call, k: call.k.map(() => Number.NEGATIVE_INFINITY), queryEnd: 1 }
    expect(inside(kernels.attention(name, none), none).every(Number.isNaN)).toBe(true)
  })

  test('large and small values', () => {
    const random = new Random(4700)
    const call = oneHead(random, 40, 16)
    compare(name, { ...call, v: call.v.map((x) => x * 1e30) }, random.seed)
    compare(name, { ...call, q: call.q.map((x) => x * 1e-42), v: call.v.map((x) => x * 1e-38) }, random.seed)
    compare(name, { ...call, q: call.q.map((x) => x * 1e15), k: call.k.map((x) => x * 1e-15) }, random.seed)
  })

  test('scratch does not grow with the tokens', () => {
    const bytes = (tokens: number) => kernels.attentionScratch(name, tokens, 64)
    expect(bytes(100_000)).toBeLessThan(64 * 1024)
    expect(bytes(1370)).toBeLessThan(64 * 1024)
  })
})
