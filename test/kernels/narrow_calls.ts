// Products of bf16 and of bytes for the tests of native/kernels/gemm.h: random calls, and how far a sum may be from the reference's.
import { bf16 } from '../support/bf16'
import type { Random } from '../support/seed'
import { padded } from '../support/shapes'
import { norm, reduction } from '../support/tolerance'
import { Activation, Epilogue } from './kernels'

export const integers = (random: Random, count: number, from: number, to: number) =>
  Array.from({ length: count }, () => random.int(from, to + 1))

export interface Shape {
  m: number
  n: number
  k: number
}
export interface Kind {
  epilogue: Epilogue
  scale?: false
  activation?: Activation
  cNumber?: 0 | 1
}

/** Everything but what is multiplied. */
function epilogueOf(random: Random, { m, n }: Shape, { epilogue, scale, activation = Activation.None, cNumber = 0 }: Kind) {
  const rows = epilogue === Epilogue.Glu ? 2 * n : n
  const ldc = n + 37
  return {
    n: rows,
    bias: random.floats(rows),
    ...(epilogue === Epilogue.Residual && scale !== false ? { scale: random.floats(rows) } : {}),
    c: bf16(random.floats(m * ldc)),
    cNumber,
    ldc,
    rowBegin: 0,
    rowEnd: m,
    epilogue,
    activation,
  }
}

export function pairCall(random: Random, shape: Shape, kind: Kind) {
  const { m, k } = shape
  const rest = epilogueOf(random, shape, kind)
  // Rows are padded with zeros to whole units; beyond them lies NaN, and nothing after the last.
  const unit = k + (k % 2)
  const lda = unit + 4
  const values = bf16(random.floats(m * k))
  const a = Float32Array.from({ length: m * unit }, (_, i) => (i % unit < k ? values[Math.floor(i / unit) * k + (i % unit)]! : 0))
  const w = bf16(random.floats(rest.n * k))
  return { ...rest, number: 1 as const, a: padded(m, unit, lda, a), lda, w, k, slack: random.int(0, 2) * 2 }
}

export function byteCall(random: Random, shape: Shape, kind: Kind) {
  const { m, k } = shape
  const rest = epilogueOf(random, shape, kind)
  const lda = Math.ceil(k / 4) * 4 + 8
  return {
    ...rest,
    number: 2 as const,
    a: Uint8Array.from({ length: m * lda }, () => random.int(0, 256)), // what lies beyond k meets weights of zero
    aScale: random.floats(m).map((x) => (Math.abs(x) + 0.1) / 255),
    aZero: Int32Array.from(integers(random, m, 0, 255)),
    lda,
    w: Int8Array.from(integers(random, rest.n * k, -127, 127)),
    columnScale: random.floats(rest.n).map((x) => (Math.abs(x) + 0.1) / 127),
    k,
  }
}

export const inside = (c: Float32Array, n: number, { ldc, rowBegin, rowEnd }: { ldc: number; rowBegin: number; rowEnd: number }) =>
  Float32Array.from({ length: (rowEnd - rowBegin) * n }, (_, i) => c[(rowBegin + Math.floor(i / n)) * ldc + (i % n)]!)

export const pairSum = (call: ReturnType<typeof pairCall>) => {
  const rows = Array.from({ length: call.rowEnd }, (_, row) => norm(call.a, row * call.lda, call.k))
  const columns = Array.from({ length: call.n }, (_, w) => norm(call.w, w * call.k, call.k))
  return (row: number, w: number) => reduction(call.k, rows[row]! * columns[w]! + Math.abs(call.bias[w]!))
}
/** Exact sums: what is left is the rounding of scales. */
export const byteSum = (call: ReturnType<typeof byteCall>) => (row: number, w: number) =>
  call.aScale[row]! * call.columnScale[w]! * 255 * 127 * call.k * 4e-7 + 1e-7 * Math.abs(call.bias[w]!)

export const kinds: Kind[] = [
  { epilogue: Epilogue.Store },
  { epilogue: Epilogue.Store, cNumber: 1 },
  { epilogue: Epilogue.Store, activation: Activation.Gelu },
  { epilogue: Epilogue.Store, activation: Activation.Gelu, cNumber: 1 },
  { epilogue: Epilogue.Store, activation: Activation.GeluTanh, cNumber: 1 },
  { epilogue: Epilogue.Store, activation: Activation.QuickGelu, cNumber: 1 },
  { epilogue: Epilogue.Residual },
  { epilogue: Epilogue.Residual, scale: false },
  { epilogue: Epilogue.Glu, activation: Activation.Silu },
  { epilogue: Epilogue.Glu, activation: Activation.Silu, cNumber: 1 },
]
