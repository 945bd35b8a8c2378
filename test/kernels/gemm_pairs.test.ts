// run_pairs of native/kernels/gemm.h: every instruction set against the reference, and what a pair's bits may depend on.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { padded } from '../support/shapes'
import { expectSameBits, expectWithin, roundoff } from '../support/tolerance'
import { Activation, Epilogue, type GemmCall, type Isa, inFourCalls, isas, kernels, panelsOf, panelWidth } from './kernels'
import { pairBound } from './pair_bound'

interface Case {
  epilogue: Epilogue
  activation?: Activation
  bias?: boolean
  scale?: boolean
}

const cases: Case[] = [
  { epilogue: Epilogue.Store },
  { epilogue: Epilogue.Store, bias: false, activation: Activation.Gelu },
  { epilogue: Epilogue.Residual },
  { epilogue: Epilogue.Residual, scale: true },
  { epilogue: Epilogue.Glu, activation: Activation.Silu },
]

/** Rows of 2·`half` panels, less `missing` columns in the last one; NaN in every padding. */
function makeCall(isa: Isa, random: Random, m: number, half: number, missing: number, k: number, which: Case): GemmCall {
  const n = 2 * half * panelWidth(isa, which.epilogue) - missing
  const rows = which.epilogue === Epilogue.Glu ? 2 * n : n
  const [lda, ldc] = [k + 3, n + 37]
  return {
    a: padded(m, k, lda, random.floats(m * k)),
    lda,
    w: random.floats(rows * k),
    n: rows,
    k,
    ...(which.bias === false ? {} : { bias: random.floats(rows) }),
    ...(which.scale ? { scale: random.floats(rows) } : {}),
    c: random.floats(m * ldc),
    ldc,
    rowBegin: 0,
    rowEnd: m,
    epilogue: which.epilogue,
    activation: which.activation ?? Activation.None,
    slack: random.int(0, 3),
  }
}

function compare(isa: Isa, call: GemmCall, seed: number): void {
  const actual = kernels.gemm(isa.name, { ...call, pairs: true })
  const expected = kernels.gemm('reference', call)
  const written = panelsOf(isa, call.n, call.epilogue) * panelWidth(isa, call.epilogue)
  const columns = call.epilogue === Epilogue.Glu ? call.n / 2 : call.n
  const what = `${isa.name} ${Epilogue[call.epilogue]} rows ${call.rowBegin}-${call.rowEnd} n ${call.n} k ${call.k}`
  // Columns between n and the last panel's end are zeros of weights; beyond it, and in other rows, nothing is written.
  const inRows = (i: number) => i >= call.rowBegin * call.ldc && i < call.rowEnd * call.ldc
  const inside = (values: Float32Array) => values.map((x, i) => (inRows(i) && i % call.ldc < columns ? x : 0))
  const wanted = inside(expected)
  expectWithin(inside(actual), wanted, pairBound(call, wanted, 16 * roundoff, 16 * roundoff), what, seed)
  const rest = actual.map((x, i) => (inRows(i) && i % call.ldc < written ? call.c[i]! : x))
  expectSameBits(rest, call.c, `${what}, outside`, seed)
}

/** Rows of c at the columns that are written for `n` */
const rowsOf = (c: Float32Array, { ldc }: GemmCall, begin: number, end: number) => c.slice(begin * ldc, end * ldc)

describe.each(isas)('gemm in pairs on $name', (isa) => {
  test('sizes around the tile, odd numbers of rows, in every epilogue', () => {
    const random = new Random(100)
    for (const m of [1, 2, 3, 2 * isa.rows - 1, 2 * isa.rows, 2 * isa.rows + 1, 6 * isa.rows + 5])
      for (const k of [2, 30, 64])
        for (const which of cases) {
          const missing = random.int(0, panelWidth(isa, which.epilogue))
          compare(isa, makeCall(isa, random, m, random.int(1, 3), missing, k, which), random.seed)
        }
  })

  test.each([
    [99, 384, 384, Epilogue.Store],
    [43, 192, 768, Epilogue.Store],
    [5, 64, 3072, Epilogue.Store],
    [5, 64, 3072, Epilogue.Residual],
    [7, 64, 1602, Epilogue.Residual],
  ])('M %i, N %i, K %i', (m, n, k, epilogue) => {
    const random = new Random(200)
    compare(isa, makeCall(isa, random, m, n / 2 / isa.columns, 0, k, { epilogue, scale: epilogue === Epilogue.Residual }), random.seed)
  })

  test('a pair has the same bits alone and at any split of the panels, a row without partner those of run', () => {
    const random = new Random(300)
    // The last: in parts of K
    for (const [which, k] of [...cases.map((each) => [each, 62] as const), [{ epilogue: Epilogue.Residual }, 1602] as const]) {
      const [m, half] = [4 * isa.rows + 3, 3]
      const call = { ...makeCall(isa, random, m, half, 1, k, which), pairs: true as const }
      const whole = kernels.gemm(isa.name, call)
      const { pairs: _, ...plain } = call
      const alone = kernels.gemm(isa.name, { ...plain, rowEnd: 1 })
      expectSameBits(rowsOf(whole, call, 0, 1), rowsOf(alone, call, 0, 1), 'without partner', random.seed)
      let c = alone
      for (let row = 1; row < m; row += 2) c = kernels.gemm(isa.name, { ...call, c, rowBegin: row, rowEnd: row + 2 })
      expectSameBits(c, whole, 'pairs alone', random.seed)
      for (let panel = 0; panel <= half; panel++) {
        const cut = 1 + 2 * random.int(0, Math.floor(m / 2))
        const split = inFourCalls((part) => kernels.gemm(isa.name, part), call, cut, panel, half)
        expectSameBits(split, whole, `split at row ${cut}, panel ${panel}`, random.seed)
      }
    }
  })

  test('NaN stays in its pair of rows, a weight that is NaN in its pair of columns', () => {
    const random = new Random(400)
    const [m, half] = [2 * isa.rows + 1, 2]
    const call = { ...makeCall(isa, random, m, half, 0, 34, { epilogue: Epilogue.Store }), pairs: true as const }
    const clean = kernels.gemm(isa.name, call)
    const [a, w] = [call.a.slice(), call.w.slice()]
    a[2 * call.lda + 4] = Number.NaN // of the pair 1, 2
    w[3 * call.k] = Number.NaN
    const dirty = kernels.gemm(isa.name, { ...call, a, w })
    const apart = (column: number) => column === 3 || column === 3 + half * isa.columns
    for (let row = 0; row < m; row++)
      for (let column = 0; column < call.n; column++) {
        const i = row * call.ldc + column
        if (row === 1 || row === 2 || apart(column)) {
          if (row === 2 || column === 3) expect(dirty[i]).toBeNaN()
        } else {
          expect(Object.is(dirty[i], clean[i])).toBe(true)
        }
      }
  })

  test('one row or panel a thousand times as large, the smallest numbers, zeros with a sign', () => {
    const random = new Random(500)
    for (const [left, right] of [
      [1e18, 1e15],
      [1e-40, 1],
      [1e-20, 1e-20],
      [0, -1],
    ] as const) {
      const call = makeCall(isa, random, isa.rows + 1, 1, 0, 32, { epilogue: Epilogue.Store, bias: false })
      compare(isa, { ...call, a: call.a.map((x) => x * left), w: call.w.map((x) => x * right) }, random.seed)
    }
    const call = makeCall(isa, random, 7, 1, 0, 64, { epilogue: Epilogue.Store })
    const large = (values: Float32Array, row: number) => values.map((x, i) => (Math.floor(i / row) === 2 ? 1000 * x : x))
    compare(isa, { ...call, a: large(call.a, call.lda) }, random.seed)
    compare(isa, { ...call, w: large(call.w, call.k) }, random.seed)
  })

  test('no rows, no panels: nothing is written', () => {
    const call = { ...makeCall(isa, new Random(600), 4, 1, 0, 32, { epilogue: Epilogue.Store }), pairs: true as const }
    expectSameBits(kernels.gemm(isa.name, { ...call, rowBegin: 2, rowEnd: 2 }), call.c, 'no rows')
    expectSameBits(kernels.gemm(isa.name, { ...call, panelBegin: 0, panelEnd: 0 }), call.c, 'no panels')
  })
})
