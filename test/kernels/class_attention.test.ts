// native/kernels/class_attention.h: every instruction set against the reference, and what a head's bits depend on.
import { describe, expect, test } from 'vitest'
import { bf16 } from '../support/bf16'
import { Random } from '../support/seed'
import { around, padded, unpadded, vitTokens } from '../support/shapes'
import { attention, expectSameBits, expectWithin, norm, reduction } from '../support/tolerance'
import { type ClassAttentionCall, isas, kernels } from './kernels'

interface Shape {
  tokens: number
  dim: number
  heads: number
}

/** Between NaNs. `sharp` scales the scores: about that many e-folds between the tokens. */
function makeCall(random: Random, { tokens, dim, heads }: Shape, sharp = 3): ClassAttentionCall {
  const [ldx, ldu, ldo] = [dim + 5, dim + 3, dim + 7]
  return {
    x: padded(tokens, dim, ldx, random.floats(tokens * dim)),
    ldx,
    u: padded(heads, dim, ldu, random.floats(heads * dim, sharp)),
    ldu,
    tokens,
    dim,
    heads,
    scale: 1 / Math.sqrt(dim),
    out: bf16(random.floats(heads * ldo)),
    ldo,
    slack: random.int(0, 3),
  }
}

const inside = (out: Float32Array, { heads, dim, ldo }: ClassAttentionCall) => unpadded(heads, dim, ldo, out)
const largestNorm = (x: Float32Array, rows: number, dim: number, ld: number) =>
  Math.max(...Array.from({ length: rows }, (_, r) => norm(x, r * ld, dim)))

/** Half a unit in the last place of bf16, relative. */
const half = 2 ** -8

function compare(name: string, call: ClassAttentionCall, seed: number): void {
  const { tokens, dim, heads, ldo } = call
  const largest = {
    query: largestNorm(call.u, heads, dim, call.ldu),
    key: largestNorm(call.x, tokens, dim, call.ldx),
    value: 0,
    scale: Math.abs(call.scale),
    bias: 0,
  }
  for (const x of call.keyBias ?? []) if (Number.isFinite(x)) largest.bias = Math.max(largest.bias, Math.abs(x))
  for (const x of call.x) if (Math.abs(x) > largest.value) largest.value = Math.abs(x)
  const what = `${name} T ${tokens} D ${dim} H ${heads}`
  const expected = inside(kernels.classAttention('reference', call), call)
  const actual = kernels.classAttention(name, call)
  const bound = attention(tokens, dim, largest)
  expectWithin(inside(actual, call), expected, () => bound, what, seed)
  const rest = actual.map((x, i) => (i % ldo < dim ? call.out![i]! : x))
  expectSameBits(rest, call.out!, `${what}, outside`, seed)

  const narrow = kernels.classAttention(name, { ...call, narrow: true })
  expectWithin(inside(narrow, call), expected, (i) => bound + half * Math.abs(expected[i]!) + 2 ** -133, `${what}, bf16`, seed)
  if (dim % 2 === 1) for (let h = 0; h < heads; h++) expect(narrow[h * ldo + dim]).toBe(0)

  const weights = kernels.classAttention('reference', { ...call, weights: true })
  const error = 2 * attention(1, dim, { ...largest, value: 1 }) + reduction(tokens, 1)
  const found = kernels.classAttention(name, { ...call, weights: true })
  expectWithin(found, weights, (i) => error * weights[i]! + 2 ** -125, `${what}, weights`, seed)
}

describe.each(isas)('class_attention on $name', ({ name, rows, columns }) => {
  test('tokens, heads and width around the tile', () => {
    const random = new Random(4800)
    const sizes = [...new Set([...around(rows), ...around(columns), ...around(columns / 2)])]
    for (const tokens of sizes)
      for (const heads of [1, 3, random.int(1, 3 * columns)]) {
        const dim = sizes[random.int(0, sizes.length)]!
        compare(name, makeCall(random, { tokens, dim, heads }), random.seed)
      }
    for (const dim of sizes) compare(name, makeCall(random, { tokens: 7, dim, heads: 2 }), random.seed)
    for (const heads of sizes) compare(name, makeCall(random, { tokens: 5, dim: 24, heads }), random.seed)
  })

  test.each(vitTokens)('%i tokens of real models', (tokens) => {
    const random = new Random(4810)
    for (const [dim, heads] of [
      [192, 3],
      [384, 6],
      [768, 12],
      [1024, 16],
      [1280, 16],
    ] as const)
      if (tokens * dim < 400_000) compare(name, makeCall(random, { tokens, dim, heads }), random.seed)
  })

  test('sharp and flat softmax, a negative scale', () => {
    const random = new Random(4820)
    for (const sharp of [0, 1e-3, 40]) compare(name, makeCall(random, { tokens: 131, dim: 64, heads: 5 }, sharp), random.seed)
    compare(name, { ...makeCall(random, { tokens: 50, dim: 16, heads: 2 }), scale: -0.25 }, random.seed)
  })

  test('a bias by token: -∞ hides one, none and zeros are the same', () => {
    const random = new Random(4830)
    for (const tokens of [1, columns - 1, columns + 1, 197]) {
      const keyBias = random.floats(tokens, 4)
      const call = { ...makeCall(random, { tokens, dim: 40, heads: 5 }), keyBias }
      compare(name, call, random.seed)
      compare(name, { ...call, keyBias: keyBias.map((x, t) => (t > 0 && t % 3 === 0 ? Number.NEGATIVE_INFINITY : x)) }, random.seed)
      const { keyBias: _, ...none } = call
      const zeros = kernels.classAttention(name, { ...call, keyBias: new Float32Array(tokens) })
      expectSameBits(zeros, kernels.classAttention(name, none), `${tokens} tokens, zeros`, random.seed)
    }
    const hidden = { ...makeCall(random, { tokens: 9, dim: 8, heads: 2 }), keyBias: new Float32Array(9).fill(Number.NEGATIVE_INFINITY) }
    expect(inside(kernels.classAttention(name, hidden), hidden).every(Number.isNaN)).toBe(true)
  })

  test('a head has the same bits alone and among any others, with and without its weights', () => {
    const random = new Random(4840)
    for (const shape of [
      { tokens: 197, dim: 192, heads: 12 },
      { tokens: 33, dim: 70, heads: 2 * columns + 3 },
    ]) {
      const call = makeCall(random, shape)
      const { dim, heads, tokens, ldo, ldu } = call
      const whole = kernels.classAttention(name, call)
      const weights = kernels.classAttention(name, { ...call, weights: true })
      for (let round = 0; round < 12; round++) {
        const first = random.int(0, heads)
        const count = round < 6 ? 1 : random.int(1, heads - first + 1)
        const part = { ...call, u: call.u.slice(first * ldu, first * ldu + (count - 1) * ldu + dim), heads: count }
        const found = inside(kernels.classAttention(name, part), part)
        const expected = unpadded(count, dim, ldo, whole.subarray(first * ldo))
        expectSameBits(found, expected, `heads from ${first}, ${count}`, random.seed)
        const { out: _, ...alone } = part
        const seen = kernels.classAttention(name, { ...alone, weights: true })
        expectSameBits(seen, weights.slice(first * tokens, (first + count) * tokens), `weights from ${first}, ${count}`, random.seed)
      }
    }
  })

  test('NaN: a head’s stays with it, a token’s reaches all', () => {
    const random = new Random(4850)
    const call = makeCall(random, { tokens: 50, dim: 20, heads: 5 })
    const clean = inside(kernels.classAttention(name, call), call)
    const u = call.u.slice()
    u[3 * call.ldu + 7] = Number.NaN
    inside(kernels.classAttention(name, { ...call, u }), call).forEach((value, i) => {
      const expected = Math.floor(i / call.dim) === 3 ? Number.NaN : clean[i]
      if (!Object.is(value, expected)) throw new Error(`[${i}] is ${value}, expected ${expected}`)
    })
    for (const token of [0, 49]) {
      const x = call.x.slice()
      x[token * call.ldx + 3] = Number.NaN
      expect(inside(kernels.classAttention(name, { ...call, x }), call).every(Number.isNaN)).toBe(true)
    }
  })

  test('large and small values', () => {
    const random = new Random(4860)
    const call = makeCall(random, { tokens: 40, dim: 16, heads: 3 })
    compare(name, { ...call, x: call.x.map((x) => x * 1e30), u: call.u.map((x) => x * 1e-30) }, random.seed)
    compare(name, { ...call, x: call.x.map((x) => x * 1e-38), u: call.u.map((x) => x * 1e-38) }, random.seed)
    compare(name, { ...call, x: call.x.map((x) => x * 1e-15), u: call.u.map((x) => x * 1e15) }, random.seed)
  })
})
