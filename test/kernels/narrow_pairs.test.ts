// run_pairs of gemm_bf16 and gemm_int8, where they have it: bytes give the bits of run, weights stored as bf16 what the reference gives.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { expectSameBits, expectWithin } from '../support/tolerance'
import { Activation, Epilogue, type Isa, inFourCalls, isas, kernels, type NarrowGemmCall, panelWidth } from './kernels'
import { byteCall, inside, type Kind, kinds, pairCall } from './narrow_calls'
import { pairBound } from './pair_bound'

/** Columns of 2·`half` panels, less `missing` in the last one. */
const columns = (isa: Isa, half: number, missing: number, { epilogue }: Kind) => 2 * half * panelWidth(isa, epilogue) - missing
const rowCounts = (isa: Isa) => [1, 2, 3, 2 * isa.rows - 1, 2 * isa.rows, 2 * isa.rows + 1, 6 * isa.rows + 5]

function expectBitsOfRun(isa: Isa, call: NarrowGemmCall, seed: number): void {
  const what = `${isa.name} ${Epilogue[call.epilogue]} rows ${call.rowBegin}-${call.rowEnd} n ${call.n} k ${call.k}`
  expectSameBits(kernels.narrowGemm(isa.name, { ...call, pairs: true }), kernels.narrowGemm(isa.name, call), what, seed)
}

test('instruction sets with products of int16 but not of bytes have pairs of bytes', () => {
  for (const isa of isas) expect([isa.name, isa.bytePairs]).toEqual([isa.name, ['sse2', 'avx2', 'avx512'].includes(isa.name)])
})

describe.each(isas.filter((isa) => isa.bytePairs))('bytes in pairs on $name', (isa) => {
  test('sizes around the tile, in every epilogue', () => {
    const random = new Random(700)
    for (const m of rowCounts(isa))
      for (const k of [8, 16, 40, 64, 136])
        for (const kind of kinds) {
          const n = columns(isa, random.int(1, 3), random.int(0, panelWidth(isa, kind.epilogue)), kind)
          expectBitsOfRun(isa, { ...byteCall(random, { m, n, k }, kind), slack: random.int(0, 3) * 4 }, random.seed)
        }
  })

  test.each([768, 3072])('K %i', (k) => {
    const random = new Random(710)
    for (const kind of [{ epilogue: Epilogue.Store, cNumber: 1 }, { epilogue: Epilogue.Residual }] as const)
      expectBitsOfRun(isa, byteCall(random, { m: 2 * isa.rows + 3, n: columns(isa, 1, 0, kind), k }, kind), random.seed)
  })

  test('sums of sums are exact where they are largest', () => {
    const random = new Random(720)
    const kind = { epilogue: Epilogue.Store }
    for (const k of [64, 65536]) {
      const call = byteCall(random, { m: 5, n: columns(isa, 1, 0, kind), k }, kind)
      // Quarters of a and of w that are all of one kind, in every combination
      for (let bits = 0; bits < 16; bits++) {
        const a = call.a.map((_, i) => {
          const [row, column] = [Math.floor(i / call.lda), i % call.lda]
          return (bits >> (row % 2)) & 1 ? (column < k / 2 ? 255 : 0) : 255
        })
        const w = call.w.map((_, i) => {
          const [row, column] = [Math.floor(i / k), i % k]
          const positive = ((bits >> 2) & 1) === (row < call.n / 2 ? 1 : 0)
          return ((bits >> 3) & 1 && column < k / 2) !== positive ? 127 : -127
        })
        expectBitsOfRun(isa, { ...call, a, w, aZero: call.aZero.fill(0) }, random.seed)
      }
    }
  })

  test('the same at any split of rows and panels', () => {
    const random = new Random(730)
    for (const kind of kinds) {
      const [m, half] = [4 * isa.rows + 3, 3]
      const call: NarrowGemmCall = { ...byteCall(random, { m, n: columns(isa, half, 1, kind), k: 72 }, kind), pairs: true }
      const whole = kernels.narrowGemm(isa.name, call)
      const [row, panel] = [random.int(1, m), random.int(1, half)]
      const c = inFourCalls((part) => kernels.narrowGemm(isa.name, part), call, row, panel, half)
      expectSameBits(c, whole, `split at row ${row}, panel ${panel}`, random.seed)
    }
  })

  test('NaN in the scale of a row stays in it; no rows, no panels: nothing is written', () => {
    const random = new Random(740)
    const kind = { epilogue: Epilogue.Store, cNumber: 1, activation: Activation.Gelu } as const
    const call = byteCall(random, { m: 6, n: columns(isa, 1, 0, kind), k: 24 }, kind)
    call.aScale[2] = Number.NaN
    const found = inside(kernels.narrowGemm(isa.name, { ...call, pairs: true }), call.n, call)
    found.forEach((x, i) => {
      expect(Number.isNaN(x)).toBe(Math.floor(i / call.n) === 2)
    })
    for (const none of [
      { rowBegin: 3, rowEnd: 3 },
      { panelBegin: 0, panelEnd: 0 },
    ])
      expectSameBits(kernels.narrowGemm(isa.name, { ...call, pairs: true, ...none }), call.c, 'nothing')
  })
})

describe.each(isas.filter((isa) => isa.narrowPairs))('weights stored as bf16 in pairs on $name', (isa) => {
  const bound = (call: ReturnType<typeof pairCall>, expected: Float32Array) => {
    const rounding = call.cNumber === 1 ? 2 ** -7 : 1e-6
    return pairBound(call, expected, rounding, 0.05 * rounding)
  }
  const compare = (call: ReturnType<typeof pairCall>, n: number, seed: number) => {
    const expected = inside(kernels.narrowGemm('reference', call), n, call)
    const actual = inside(kernels.narrowGemm(isa.name, { ...call, pairs: true }), n, call)
    expectWithin(
      actual,
      expected,
      bound(call, expected),
      `${isa.name} ${Epilogue[call.epilogue]} m ${call.rowEnd} n ${n} k ${call.k}`,
      seed,
    )
  }

  test('sizes around the tile, in every epilogue', () => {
    const random = new Random(750)
    for (const m of rowCounts(isa))
      for (const k of [2, 30, 64])
        for (const kind of kinds) {
          const n = columns(isa, random.int(1, 3), random.int(0, panelWidth(isa, kind.epilogue)), kind)
          compare(pairCall(random, { m, n, k }, kind), n, random.seed)
        }
  })

  test.each([768, 3072])('K %i', (k) => {
    const random = new Random(760)
    const kind = { epilogue: Epilogue.Residual }
    const n = columns(isa, 1, 0, kind)
    compare(pairCall(random, { m: 2 * isa.rows + 3, n, k }, kind), n, random.seed)
  })

  test('a row without partner has the bits of run', () => {
    const random = new Random(770)
    const call = pairCall(random, { m: 5, n: columns(isa, 1, 0, kinds[0]!), k: 64 }, kinds[0]!)
    const [pairs, alone] = [{ ...call, pairs: true } as const, { ...call, rowEnd: 1 }]
    const row = (c: Float32Array) => c.slice(0, call.n)
    expectSameBits(row(kernels.narrowGemm(isa.name, pairs)), row(kernels.narrowGemm(isa.name, alone)), 'row 0', random.seed)
  })
})
