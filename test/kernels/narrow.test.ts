// bf16 and bytes: gemm_bf16, gemm_int8, attention_bf16, quantize, quantize_weights and the narrow results of layer_norm, every instruction set against the
// reference.
import { describe, expect, test } from 'vitest'
import { bf16 } from '../support/bf16'
import { Random } from '../support/seed'
import { around, padded, unpadded } from '../support/shapes'
import { expectSameBits, expectWithin } from '../support/tolerance'
import { Activation, Epilogue, type Isa, isas, kernels, type NarrowGemmCall, standIns } from './kernels'
import { byteCall, byteSum, inside, integers, kinds, pairCall, pairSum } from './narrow_calls'

/** Half a unit in the last place of bf16, relative. */
const half = 2 ** -8

/** Against the reference: `sum` bounds the error of a sum before the epilogue, by row of a and row of w. */
function compare(isa: Isa, call: NarrowGemmCall, n: number, sum: (row: number, w: number) => number, seed: number): void {
  const what = `${isa.name} number ${call.number} → ${call.cNumber} ${Epilogue[call.epilogue]} ${Activation[call.activation]} n ${n} k ${call.k}`
  const actual = kernels.narrowGemm(isa.name, call)
  const expected = kernels.narrowGemm('reference', call)
  const bare = {
    ...call,
    epilogue: Epilogue.Store,
    activation: Activation.None,
    cNumber: 0 as const,
    c: new Float32Array(call.rowEnd * (call.n + 2)),
    ldc: call.n + 2,
  }
  const sums = kernels.narrowGemm('reference', bare)
  const size = (row: number, w: number) => Math.abs(sums[row * bare.ldc + w]!)
  // A result in bf16: half a unit of rounding on both sides, and rough activations (2⁻¹⁰); in floats their own formula.
  const relative = call.cNumber === 1 ? 2 * half + 2 ** -10 : 1e-5
  const absolute = call.activation === Activation.Gelu && call.cNumber === 1 ? 2e-4 : 1e-7
  const bound = (row: number, column: number) => {
    const first = 1.2 * sum(row, column) + relative * size(row, column) + absolute
    if (call.epilogue === Epilogue.Residual)
      return Math.abs(call.scale?.[column] ?? 1) * first + 1e-6 * Math.abs(call.c[row * call.ldc + column]!) + 1e-6
    if (call.epilogue === Epilogue.Store) return first
    const up = size(row, n + column) + sum(row, n + column)
    return (first * up + (size(row, column) + first) * (sum(row, n + column) + relative * up)) * 2
  }
  expectWithin(inside(actual, n, call), inside(expected, n, call), (i) => bound(Math.floor(i / n), i % n), what, seed)
  expectSameBits(
    Float32Array.from(actual.filter((_, i) => i % call.ldc >= n + isa.columns)),
    Float32Array.from(call.c.filter((_, i) => i % call.ldc >= n + isa.columns)),
    `${what}, outside`,
    seed,
  )
}

describe.each([...isas, ...standIns])('narrow products on $name', (isa) => {
  test('bf16 over sizes around the tile', () => {
    const random = new Random(10)
    for (const m of around(isa.rows))
      for (const n of around(isa.columns))
        for (const k of [1, 2, 31, 32, 33, 50]) {
          const call = pairCall(random, { m, n, k }, kinds[random.int(0, kinds.length)]!)
          compare(isa, call, n, pairSum(call), random.seed)
        }
  })

  test('bytes over sizes around the tile', () => {
    const random = new Random(20)
    for (const m of around(isa.rows))
      for (const n of around(isa.columns))
        for (const k of [1, 3, 4, 5, 63, 64, 65]) {
          const call = byteCall(random, { m, n, k }, kinds[random.int(0, kinds.length)]!)
          compare(isa, call, n, byteSum(call), random.seed)
        }
  })

  test.each(kinds)('$epilogue $activation → $cNumber', (kind) => {
    const random = new Random(30)
    const shape = { m: isa.rows + 3, n: isa.columns + 7, k: 96 }
    const pairs = pairCall(random, shape, kind)
    compare(isa, pairs, shape.n, pairSum(pairs), random.seed)
    const bytes = byteCall(random, shape, kind)
    compare(isa, bytes, shape.n, byteSum(bytes), random.seed)
  })

  test('sums of bytes are exact, also where they are largest', () => {
    for (const [a, w, k] of [
      [255, 127, 4096],
      [255, -127, 4095],
      [1, -1, 3],
    ] as const) {
      const random = new Random(40)
      const call = byteCall(random, { m: 3, n: 5, k }, { epilogue: Epilogue.Store })
      const { bias: _, ...rest } = call
      const exact = {
        ...rest,
        a: call.a.fill(a),
        w: call.w.fill(w),
        aScale: call.aScale.fill(1),
        aZero: call.aZero.fill(0),
        columnScale: call.columnScale.fill(1),
      }
      expect(new Set(inside(kernels.narrowGemm(isa.name, exact), 5, exact))).toEqual(new Set([Math.fround(a * w * k)]))
      const shifted = { ...exact, aZero: exact.aZero.fill(a) }
      expect(new Set(inside(kernels.narrowGemm(isa.name, shifted), 5, shifted))).toEqual(new Set([0]))
    }
  })

  // Tiles of every height that goes another way than a row alone: the first call is cut into shorter ones.
  test.each([2 * isa.rows + 1, isa.rows, isa.rows - 1, isa.rows - 2, isa.rows - 3])('a row of %d has the same bits alone', (m) => {
    const random = new Random(50)
    const shape = { m, n: isa.columns + 3, k: 77 }
    for (const kind of kinds) {
      for (const call of [pairCall(random, shape, kind), byteCall(random, shape, kind)] as NarrowGemmCall[]) {
        const whole = kernels.narrowGemm(isa.name, call)
        let c = call.c
        for (let row = 0; row < shape.m; row++)
          c = kernels.narrowGemm(isa.name, { ...call, c, rowBegin: row, rowEnd: row + 1 } as NarrowGemmCall)
        expectSameBits(c, whole, 'rows alone', random.seed)
      }
    }
  })

  test('gelu of a bf16 result: over -12…12, where pieces meet, far out, infinities', () => {
    const evenly = Array.from({ length: 2049 }, (_, i) => (i - 1024) / 85.33)
    const meeting = Array.from({ length: 33 }, (_, i) => (i - 16) / 4).flatMap((at) => [at * (1 - 2 ** -8), at, at * (1 + 2 ** -7)])
    const x = bf16(Float32Array.from([...evenly, ...meeting]))
    const far = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30, -1e30, 1e-30, -1e-30]
    const a = Float32Array.from([...x, ...bf16(Float32Array.from(far))])
    const shape = { m: a.length, n: 1, k: 1 }
    const call = { ...pairCall(new Random(61), shape, { epilogue: Epilogue.Store, cNumber: 1, activation: Activation.Gelu }), slack: 0 }
    const pairs = Float32Array.from({ length: 2 * shape.m }, (_, i) => (i % 2 ? 0 : a[i / 2]!))
    const ones = { ...call, a: padded(shape.m, 2, call.lda, pairs), w: Float32Array.of(1), bias: new Float32Array(call.bias.length) }
    const found = inside(kernels.narrowGemm(isa.name, ones), 1, call)
    const expected = inside(kernels.narrowGemm('reference', ones), 1, call)
    const bound = (i: number) => (Math.abs(a[i]!) <= 0.25 ? 2 ** -9 * Math.abs(expected[i]!) : 2e-4) + 2 * half * Math.abs(expected[i]!)
    const finite = x.length + 2
    expect([...found.slice(x.length, finite)].map((value) => value + 0)).toEqual([Number.POSITIVE_INFINITY, 0])
    for (const [begin, end] of [
      [0, x.length],
      [finite, a.length],
    ] as const)
      expectWithin(found.slice(begin, end), expected.slice(begin, end), (i) => bound(begin + i), 'gelu')
  })

  test('NaN in a row or in its scale makes that row NaN', () => {
    const random = new Random(60)
    const shape = { m: 4, n: 6, k: 10 }
    const pairs = pairCall(random, shape, { epilogue: Epilogue.Store, cNumber: 1, activation: Activation.Gelu })
    pairs.a[2 * pairs.lda + 3] = Number.NaN
    const bytes = byteCall(random, shape, { epilogue: Epilogue.Store, cNumber: 1, activation: Activation.Gelu })
    bytes.aScale[2] = Number.NaN
    for (const call of [pairs, bytes] as NarrowGemmCall[]) {
      const found = inside(kernels.narrowGemm(isa.name, call), shape.n, call)
      found.forEach((x, i) => {
        expect(Number.isNaN(x)).toBe(Math.floor(i / shape.n) === 2)
      })
    }
  })
})

describe.each(isas)('narrow rows on $name', (isa) => {
  const shapes = [1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100].map((dim) => ({
    rows: 3,
    dim,
    ldx: dim + 5,
    ldy: Math.ceil(dim / 4) * 4 + 4,
  }))

  test.each(shapes)('quantize $dim values', ({ rows, dim, ldx, ldy }) => {
    const random = new Random(70)
    for (const number of [0, 1] as const)
      for (const offset of [0, 2, -2]) {
        const x = padded(rows, dim, ldx, bf16(random.floats(rows * dim).map((v) => v + offset)))
        const found = kernels.quantize(isa.name, { x, number, ldx, ldy, rows, dim })
        const expected = kernels.quantize('reference', { x, number, ldx, ldy, rows, dim })
        const bytes = number === 1 ? 2 : 4
        const over = kernels.quantize(isa.name, { x, number, ldx, ldy: bytes * ldx, rows, dim, over: true })
        expect([over.scale, over.zero]).toEqual([found.scale, found.zero])
        for (let row = 0; row < rows; row++) {
          const wanted = found.y.subarray(row * ldy, row * ldy + dim)
          expect(over.y.subarray(row * bytes * ldx, row * bytes * ldx + dim)).toEqual(wanted)
        }
        expect(found.zero).toEqual(expected.zero)
        expectWithin(found.scale, expected.scale, (i) => 1e-6 * expected.scale[i]!, 'scale', random.seed)
        for (let row = 0; row < rows; row++) {
          for (let d = 0; d < dim; d++) {
            const value = found.scale[row]! * (found.y[row * ldy + d]! - found.zero[row]!)
            expect(Math.abs(value - x[row * ldx + d]!)).toBeLessThan(found.scale[row]! * 1.001)
            expect(Math.abs(found.y[row * ldy + d]! - expected.y[row * ldy + d]!)).toBeLessThanOrEqual(1)
          }
          for (let d = Math.ceil(dim / 4) * 4; d < ldy; d++) expect(found.y[row * ldy + d]).toBe(0xff)
        }
      }
  })

  test('a row of zeros, one of the same value, one that is not finite', () => {
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const number of [0, 1] as const)
      for (const dim of [21, 67])
        for (const at of [0, 1, 20, dim - 1]) {
          const x = new Float32Array(6 * dim)
          x.fill(-3, dim, 2 * dim)
          x.fill(1, 2 * dim)
          for (const [i, value] of bad.entries()) x[(2 + i) * dim + at] = value
          new Uint32Array(x.buffer)[5 * dim + at] = 0xffc00000 // NaN with the sign set
          const ldy = 4 * Math.ceil(dim / 4)
          const { y, scale, zero } = kernels.quantize(isa.name, { x, number, ldx: dim, ldy, rows: 6, dim })
          expect([scale[0], zero[0], y[0]]).toEqual([1, 0, 0])
          expect(scale[1]! * (y[ldy]! - zero[1]!)).toBeCloseTo(-3, 5)
          expect([...scale.slice(2)]).toEqual(new Array(4).fill(Number.NaN))
          expect([...y.slice(2 * ldy)]).toEqual(new Array(4 * ldy).fill(0))
        }
  })

  test.each(shapes)('LayerNorm of $dim values as bf16 and as bytes', ({ rows, dim, ldx, ldy }) => {
    const random = new Random(80)
    const x = padded(rows, dim, ldx, random.floats(rows * dim))
    const call = { x, ldx, ldy, gamma: random.floats(dim), beta: random.floats(dim), rows, dim, eps: 1e-6 }
    const exact = unpadded(rows, dim, ldy, kernels.layerNorm('reference', { ...call, y: new Float32Array(rows * ldy) }))
    const narrow = kernels.narrowNorm(isa.name, { ...call, number: 1 })
    expectWithin(unpadded(rows, dim, ldy, narrow), exact, (i) => half * Math.abs(exact[i]!) + 1e-4, 'bf16', random.seed)
    if (dim % 2) for (let row = 0; row < rows; row++) expect(narrow[row * ldy + dim]).toBe(0)
    const { y, scale, zero } = kernels.narrowNorm(isa.name, { ...call, number: 2 })
    for (let row = 0; row < rows; row++)
      for (let d = 0; d < dim; d++) {
        const value = scale[row]! * (y[row * ldy + d]! - zero[row]!)
        expect(Math.abs(value - exact[row * dim + d]!)).toBeLessThan(scale[row]! * 1.01 + 1e-4)
      }
  })
})

describe.each(isas)('a row of weights as int8 on $name', (isa) => {
  const weights = (random: Random, k: number) => random.floats(k).map((x) => x * x * x)

  test.each([1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 100, 768, 3072])('%d values: the bits of the reference', (k) => {
    const random = new Random(90 + k)
    for (const fold of [undefined, random.floats(k).map((x) => Math.abs(x) + 0.1)])
      for (const over of [undefined, true as const]) {
        const call = { w: weights(random, k), ...(fold && { fold }), ...(over && { over }), slack: random.int(0, 3) }
        const found = kernels.quantizeWeights(isa.name, call)
        const expected = kernels.quantizeWeights('reference', call)
        expectSameBits(found.scale, expected.scale, 'scale', random.seed)
        expect(found.q).toEqual(expected.q)
        expect(found.sum).toEqual(expected.sum)
      }
  })

  test.each([1, 0.93, 0.86])('the scale of least squared error: %d of the largest weight', (share) => {
    // Integers are exact with the scale 1, which clips the largest weight; every other scale rounds 8191 of them.
    const random = new Random(91)
    const w = Float32Array.from(integers(random, 8192, -100, 100))
    w[17] = 127 / share
    const { scale, q, sum } = kernels.quantizeWeights(isa.name, { w })
    expect(scale[0]).toBeCloseTo(1, 6)
    const expected = Int8Array.from(w, (x) => Math.min(x, 127))
    expect(new Int8Array(q.buffer)).toEqual(expected)
    expect(sum[0]).toBe(expected.reduce((a, x) => a + x, 0))
  })

  test('zeros, and what is not finite', () => {
    const k = 37
    const zeros = kernels.quantizeWeights(isa.name, { w: new Float32Array(k) })
    expect([zeros.scale[0], zeros.sum[0], ...zeros.q]).toEqual([1, 0, ...new Array(k).fill(0)])
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      for (const at of [0, 20, k - 1]) {
        const w = new Random(92).floats(k)
        w[at] = bad
        const { scale, sum, q } = kernels.quantizeWeights(isa.name, { w, fold: new Float32Array(k).fill(2) })
        expect([scale[0], sum[0], ...q]).toEqual([Number.NaN, 0, ...new Array(k).fill(0)])
      }
  })
})

describe.each(isas.filter(({ bf16 }) => bf16))('attention of bf16 on $name', (isa) => {
  const makeCall = (random: Random, tokens: number, headDim: number) => {
    const ld = headDim + 8
    const matrix = (scale: number) => padded(tokens, headDim, ld, bf16(random.floats(tokens * headDim, scale)))
    const ldo = headDim + 6
    return {
      q: matrix(3),
      k: matrix(1.7),
      v: matrix(1),
      ld,
      tokens,
      headDim,
      queryBegin: 0,
      queryEnd: tokens,
      scale: 1 / Math.sqrt(headDim),
      out: bf16(random.floats(tokens * ldo)),
      ldo,
      slack: 2 * random.int(0, 2),
    }
  }

  test.each([1, 2, 15, 16, 17, 31, 33, 197, 257, 321, 700])('%i tokens', (tokens) => {
    const random = new Random(90)
    for (const headDim of [1, 16, 17, 32, 36, 64, 80]) {
      const call = makeCall(random, tokens, headDim)
      const trim = (out: Float32Array) => unpadded(tokens, headDim, call.ldo, out)
      const found = kernels.pairAttention(isa.name, call)
      const expected = trim(kernels.pairAttention('reference', call))
      // Weights rounded to bf16 and rough powers, on values of at most `largest`; the result rounded on both sides.
      const largest = call.v.reduce((most, x) => Math.max(most, Number.isNaN(x) ? 0 : Math.abs(x)), 0)
      expectWithin(
        trim(found),
        expected,
        (i) => largest * (half + 1e-3) + 2 * half * Math.abs(expected[i]!),
        `T ${tokens} K ${headDim}`,
        random.seed,
      )
      const outside = found.map((x, i) => (i % call.ldo < headDim ? call.out[i]! : x))
      expectSameBits(outside, call.out, 'outside', random.seed)
      const weights = kernels.pairAttention('reference', { ...call, weights: true })
      expectWithin(
        kernels.pairAttention(isa.name, { ...call, weights: true }),
        weights,
        (i) => 1e-3 * weights[i]! + 1e-7,
        'weights',
        random.seed,
      )
    }
  })

  test.each([1, 2, 16, 31, 33, 197, 321, 353, 700])('a bias by each of %i keys, -∞ among them', (tokens) => {
    const random = new Random(93)
    for (const headDim of [16, 36, 64]) {
      const keyBias = random.floats(tokens, 4).map((x, t) => (t > 0 && t % 5 === 0 ? Number.NEGATIVE_INFINITY : x))
      const call = { ...makeCall(random, tokens, headDim), keyBias }
      const trim = (out: Float32Array) => unpadded(tokens, headDim, call.ldo, out)
      const expected = trim(kernels.pairAttention('reference', call))
      const largest = call.v.reduce((most, x) => Math.max(most, Number.isNaN(x) ? 0 : Math.abs(x)), 0)
      const bound = (i: number) => largest * (half + 1e-3) + 2 * half * Math.abs(expected[i]!)
      expectWithin(trim(kernels.pairAttention(isa.name, call)), expected, bound, `T ${tokens} K ${headDim}`, random.seed)
      const weights = kernels.pairAttention('reference', { ...call, weights: true })
      const found = kernels.pairAttention(isa.name, { ...call, weights: true })
      expectWithin(found, weights, (i) => 1e-3 * weights[i]! + 1e-7, 'weights', random.seed)
    }
  })

  test('where one key has all the weight, the result is its value to the bit', () => {
    const random = new Random(94)
    for (const tokens of [1, 31, 50, 197, 353]) {
      const call = makeCall(random, tokens, 64)
      for (let round = 0; round < 8; round++) {
        // Whatever its weight is rounded to, it is divided by the same. The others are about 2⁻⁵⁷⁰.
        const chosen = random.int(0, tokens)
        const keyBias = Float32Array.from({ length: tokens }, (_, t) => (t === chosen ? random.floats(1, 30)[0]! : -400))
        const found = kernels.pairAttention(isa.name, { ...call, keyBias, queryEnd: Math.min(tokens, 16) })
        for (let query = 0; query < Math.min(tokens, 16); query++) {
          const row = found.subarray(query * call.ldo, query * call.ldo + 64)
          expectSameBits(row, call.v.subarray(chosen * call.ld, chosen * call.ld + 64), `key ${chosen} of ${tokens}`, random.seed)
        }
      }
    }
  })

  test('several keys of equal weight: their mean, whatever the weight is rounded to', () => {
    const random = new Random(96)
    const tokens = 330
    const call = makeCall(random, tokens, 36)
    const k = call.k.map((x) => (Number.isNaN(x) ? x : 0))
    const keyBias = Float32Array.from({ length: tokens }, (_, t) => (t % 110 === 7 ? 0 : -60))
    const found = unpadded(tokens, 36, call.ldo, kernels.pairAttention(isa.name, { ...call, k, keyBias }))
    const mean = Float32Array.from({ length: 36 }, (_, d) => [7, 117, 227].reduce((sum, t) => sum + call.v[t * call.ld + d]! / 3, 0))
    expectWithin(found.subarray(0, 36), mean, (d) => half * Math.abs(mean[d]!) + 1e-6, 'mean of three', random.seed)
  })

  test('NaN: a query’s stays with it, a key’s reaches every query', () => {
    const random = new Random(97)
    for (const tokens of [50, 400]) {
      const call = makeCall(random, tokens, 20)
      const nan = (x: Float32Array, index: number) => x.map((value, i) => (i === index ? Number.NaN : value))
      const results = (part: object) => unpadded(tokens, 20, call.ldo, kernels.pairAttention(isa.name, { ...call, ...part }))
      const clean = results({})
      results({ q: nan(call.q, 17 * call.ld + 3) }).forEach((x, i) => {
        if (!Object.is(x, Math.floor(i / 20) === 17 ? Number.NaN : clean[i]))
          throw new Error(`${tokens} tokens: [${i}] is ${x} (seed ${random.seed})`)
      })
      expect(results({ k: nan(call.k, (tokens - 1) * call.ld) }).every(Number.isNaN)).toBe(true)
    }
  })

  test('a query has the same bits alone', () => {
    const random = new Random(95)
    const call = makeCall(random, 50, 64)
    const whole = kernels.pairAttention(isa.name, call)
    let out = call.out
    for (let query = 0; query < 50; query++) out = kernels.pairAttention(isa.name, { ...call, out, queryBegin: query, queryEnd: query + 1 })
    expectSameBits(out, whole, 'queries alone', random.seed)
  })
})
