// How far products of floats in pairs (native/kernels/gemm.h, run_pairs) may be from the reference's.
import { type Bound, norm, reduction } from '../support/tolerance'
import { Epilogue, type GemmCall } from './kernels'

/**
 * Eight times the norms of a pair of rows and of columns: the sum over the seven products of the norms of their sides. And of what becomes
 * of a sum: `relative` to it, and `absolute`.
 */
export function pairBound(
  call: Pick<GemmCall, 'a' | 'lda' | 'w' | 'n' | 'k' | 'rowEnd' | 'epilogue' | 'scale'>,
  expected: Float32Array,
  relative: number,
  absolute: number,
): Bound {
  const rowNorm = Math.max(...Array.from({ length: call.rowEnd }, (_, row) => norm(call.a, row * call.lda, call.k)))
  const columnNorm = Math.max(...Array.from({ length: call.n }, (_, column) => norm(call.w, column * call.k, call.k)))
  const sum = reduction(call.k, 8 * Math.SQRT2 * rowNorm * Math.SQRT2 * columnNorm)
  const factor = call.epilogue === Epilogue.Glu ? 1.2 * (rowNorm * columnNorm + 1) : Math.max(1.2, ...(call.scale ?? []).map(Math.abs))
  return (i) => factor * sum + relative * Math.abs(expected[i]!) + absolute
}
