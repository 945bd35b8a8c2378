// native/kernels/gemm.h: every instruction set against the reference, and the property that a row's bits depend on nothing beside it.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { around, padded, vitProducts } from '../support/shapes'
import { expectSameBits, expectWithin, norm, reduction, roundoff } from '../support/tolerance'
import { Activation, Epilogue, type GemmCall, type Isa, inFourCalls, isas, kernels, panelsOf, panelWidth } from './kernels'

interface Case {
  m: number
  n: number // columns of c
  k: number
  epilogue: Epilogue
  activation?: Activation
  bias?: boolean
  scale?: boolean
  slack?: number
}

/** Operands with NaN in every padding. c is wide enough for any ISA's last panel. */
function makeCall(random: Random, { m, n, k, epilogue, ...rest }: Case): GemmCall {
  const rows = epilogue === Epilogue.Glu ? 2 * n : n
  const [lda, ldc] = [k + 3, n + 37]
  return {
    a: padded(m, k, lda, random.floats(m * k)),
    lda,
    w: random.floats(rows * k),
    n: rows,
    k,
    ...(rest.bias === false ? {} : { bias: random.floats(rows) }),
    ...(rest.scale ? { scale: random.floats(rows) } : {}),
    c: random.floats(m * ldc),
    ldc,
    rowBegin: 0,
    rowEnd: m,
    epilogue,
    activation: rest.activation ?? Activation.None,
    slack: rest.slack ?? 0,
  }
}

/** Columns [0, n) of rows [begin, end) */
const inside = (c: Float32Array, n: number, { ldc, rowBegin, rowEnd }: GemmCall) =>
  Float32Array.from({ length: (rowEnd - rowBegin) * n }, (_, i) => c[(rowBegin + Math.floor(i / n)) * ldc + (i % n)]!)

/** What rounding may do to element [row, column], from the norms and the exact sums. */
function bounds(call: GemmCall, n: number): (row: number, column: number) => number {
  const rowNorms = Array.from({ length: call.rowEnd }, (_, row) => norm(call.a, row * call.lda, call.k))
  const columnNorms = Array.from({ length: call.n }, (_, column) => norm(call.w, column * call.k, call.k))
  const sum = (row: number, w: number) => reduction(call.k, rowNorms[row]! * columnNorms[w]! + Math.abs(call.bias?.[w] ?? 0))
  const slope = 1.2 // no activation is steeper
  const formula = 8e-6 // nor less exact, relatively, where its argument is not far out in the tail
  const { bias: _, ...bare } = call
  const plain = {
    ...bare,
    epilogue: Epilogue.Store,
    activation: Activation.None,
    c: new Float32Array(call.rowEnd * (call.n + 2)),
    ldc: call.n + 2,
  }
  const sums = kernels.gemm('reference', plain)
  const size = (row: number, w: number) => Math.abs(sums[row * plain.ldc + w]!) + Math.abs(call.bias?.[w] ?? 0)
  return (row, column) => {
    if (call.epilogue === Epilogue.Residual)
      return (
        Math.abs(call.scale?.[column] ?? 1) * (sum(row, column) + roundoff * size(row, column)) +
        2 * roundoff * Math.abs(call.c[row * call.ldc + column]!)
      )
    const first = slope * sum(row, column) + formula * size(row, column)
    if (call.epilogue === Epilogue.Store) return first
    return (first * (size(row, n + column) + sum(row, n + column)) + size(row, column) * sum(row, n + column)) * (1 + formula)
  }
}

/** c of an ISA next to the reference; everything outside the rows and panels of the call must be as it was. */
function compare(isa: Isa, call: GemmCall, n: number, seed: number): void {
  const what = `${isa.name} ${Epilogue[call.epilogue]} ${Activation[call.activation]} rows ${call.rowBegin}-${call.rowEnd} n ${n} k ${call.k}`
  const actual = kernels.gemm(isa.name, call)
  const expected = kernels.gemm('reference', call)
  const bound = bounds(call, n)
  expectWithin(inside(actual, n, call), inside(expected, n, call), (i) => bound(call.rowBegin + Math.floor(i / n), i % n), what, seed)
  const written = panelsOf(isa, call.n, call.epilogue) * panelWidth(isa, call.epilogue)
  const rest = actual.map((x, i) =>
    i % call.ldc < written && i >= call.rowBegin * call.ldc && i < call.rowEnd * call.ldc ? call.c[i]! : x,
  )
  expectSameBits(rest, call.c, `${what}, outside`, seed)
}

const epilogues: Omit<Case, 'm' | 'n' | 'k'>[] = [
  { epilogue: Epilogue.Store },
  { epilogue: Epilogue.Store, bias: false },
  { epilogue: Epilogue.Store, activation: Activation.Gelu },
  { epilogue: Epilogue.Store, activation: Activation.QuickGelu },
  { epilogue: Epilogue.Residual },
  { epilogue: Epilogue.Residual, scale: true },
  { epilogue: Epilogue.Glu, activation: Activation.Silu },
  { epilogue: Epilogue.Glu, activation: Activation.Gelu },
]

describe.each(isas)('gemm on $name', (isa) => {
  test('sizes around the tile, in every epilogue, against the guard page and before it', () => {
    const random = new Random(100)
    for (const m of around(isa.rows))
      for (const n of around(isa.columns))
        for (const k of [1, 15, 16, 17, 50]) {
          const which = epilogues[random.int(0, epilogues.length)]!
          compare(isa, makeCall(random, { m, n, k, ...which, slack: random.int(0, 3) }), n, random.seed)
        }
  })

  test.each(epilogues)('$epilogue $activation (bias $bias, scale $scale) over tails', (which) => {
    const random = new Random(200)
    for (const [m, n, k] of [
      [isa.rows + 1, isa.columns + 1, 33],
      [3 * isa.rows + 2, 3 * isa.columns + 2, 64],
      [1, isa.columns / 2 + 1, 1],
    ] as const)
      compare(isa, makeCall(random, { m, n, k, ...which }), n, random.seed)
  })

  test.each(vitProducts)('M %i, N %i, K %i', (m, n, k) => {
    const random = new Random(300)
    compare(isa, makeCall(random, { m, n, k, epilogue: Epilogue.Store }), n, random.seed)
  })

  test('every activation in the epilogue', () => {
    const random = new Random(400)
    for (let activation = Activation.None; activation <= Activation.Tanh; activation++)
      compare(isa, makeCall(random, { m: 5, n: 40, k: 20, epilogue: Epilogue.Store, activation }), 40, random.seed)
  })

  test('a row has the same bits alone, at any row_begin and at any split of the panels', () => {
    const random = new Random(500)
    for (const which of epilogues) {
      const [m, n, k] = [3 * isa.rows + 2, 2 * isa.columns + 3, which === epilogues[0] ? 3072 : 77]
      const call = makeCall(random, { m, n, k, ...which })
      const whole = kernels.gemm(isa.name, call)
      const panels = panelsOf(isa, call.n, call.epilogue)
      let c = call.c
      for (let row = 0; row < m; row++) c = kernels.gemm(isa.name, { ...call, c, rowBegin: row, rowEnd: row + 1 })
      expectSameBits(c, whole, 'rows alone', random.seed)
      for (let round = 0; round < 6; round++) {
        const [row, panel] = [random.int(0, m + 1), random.int(0, panels + 1)]
        const split = inFourCalls((part) => kernels.gemm(isa.name, part), call, row, panel, panels)
        expectSameBits(split, whole, `split at row ${row}, panel ${panel}`, random.seed)
      }
    }
  })

  test('NaN stays in its row, a weight that is NaN in its column', () => {
    const random = new Random(600)
    const [m, n] = [2 * isa.rows + 1, isa.columns + 5]
    const call = makeCall(random, { m, n, k: 9, epilogue: Epilogue.Store, activation: Activation.Gelu })
    const clean = inside(kernels.gemm(isa.name, call), n, call)
    const a = call.a.slice()
    a[isa.rows * call.lda + 4] = Number.NaN
    const w = call.w.slice()
    w[3 * call.k] = Number.NaN
    const dirty = inside(kernels.gemm(isa.name, { ...call, a, w }), n, call)
    for (let i = 0; i < clean.length; i++) {
      const reads = Math.floor(i / n) === isa.rows || i % n === 3
      expect(Object.is(dirty[i], reads ? Number.NaN : clean[i])).toBe(true)
    }
  })

  test('extreme values: 1e30, the smallest, zeros with a sign', () => {
    const random = new Random(700)
    const [m, n, k] = [isa.rows + 1, isa.columns + 1, 6]
    for (const [left, right] of [
      [1e30, 1e5],
      [1e-40, 1],
      [1e-20, 1e-20],
      [0, -1],
    ] as const) {
      const call = makeCall(random, { m, n, k, epilogue: Epilogue.Store, bias: false })
      compare(isa, { ...call, a: call.a.map((x) => x * left), w: call.w.map((x) => x * right) }, n, random.seed)
    }
    const infinite = makeCall(random, { m, n, k: 1, epilogue: Epilogue.Store, bias: false })
    compare(isa, { ...infinite, a: infinite.a.fill(1e30), w: infinite.w.map((_, i) => (i % 2 ? 1e30 : -1e30)) }, n, random.seed)
  })

  test('no rows, no panels: nothing is written', () => {
    const call = makeCall(new Random(800), { m: 3, n: 5, k: 4, epilogue: Epilogue.Store })
    expectSameBits(kernels.gemm(isa.name, { ...call, rowBegin: 2, rowEnd: 2 }), call.c, 'no rows')
    expectSameBits(kernels.gemm(isa.name, { ...call, panelBegin: 0, panelEnd: 0 }), call.c, 'no panels')
  })
})
