// How far a result may be from its reference: computed from the length of the sum, the precision and the magnitudes, never chosen to
// pass. One function per kind; expectWithin compares and says where, what, how far and with which seed.

/** Unit roundoff of float32. */
export const roundoff = 2 ** -24

/** Smallest positive float32; results near it are as exact as its grid. */
const smallest = 2 ** -149

/** Rounding errors of a sum of n terms walk at random: √n of them stay within this many standard deviations. */
const deviations = 5

/** The bound on |actual − expected| at index i. */
export type Bound = (index: number) => number

/** The same bits (NaN for NaN; 0 and −0 differ). */
export function sameBits(actual: Float32Array, expected: Float32Array): boolean {
  return Buffer.compare(bytes(actual), bytes(expected)) === 0
}

/** A formula of a few rounded steps: relative to the value, plus what the formula loses absolutely. */
export function elementwise(expected: ArrayLike<number>, relative: number, absolute = 0): Bound {
  return (i) => relative * Math.abs(expected[i]!) + absolute + smallest
}

/** A sum of `terms` products in float32 whose absolute values add up to at most `magnitude` (Cauchy–Schwarz: the product of the norms). */
export function reduction(terms: number, magnitude: number): number {
  return deviations * roundoff * Math.sqrt(terms + 1) * magnitude + terms * smallest
}

/** One element of softmax(q·kᵀ)·v: the scores' absolute errors are relative errors of the weights. */
export function attention(
  tokens: number,
  headDim: number,
  largest: { query: number; key: number; value: number; scale: number; bias?: number },
): number {
  const score = largest.query * largest.key * largest.scale + (largest.bias ?? 0) // norms: no score is larger
  const weights = 2 * reduction(headDim, score) + 4 * roundoff * score + 8 * roundoff
  return largest.value * (weights + reduction(tokens, 1))
}

/** Root of the sum of squares of `count` values from `begin` on. */
export function norm(values: ArrayLike<number>, begin = 0, count = values.length): number {
  let sum = 0
  for (let i = begin; i < begin + count; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum)
}

/** Throws unless every |actual − expected| is within its bound; NaN only where NaN is expected, infinities equal. */
export function expectWithin(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: Bound, what: string, seed?: number): void {
  const fail = (i: number, limit: string) => {
    throw new Error(`${what}: [${i}] is ${actual[i]}, expected ${expected[i]} within ${limit} (seed ${seed ?? 'none'})`)
  }
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, expected ${expected.length}`)
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!]
    if (Number.isNaN(e) || !Number.isFinite(e)) {
      if (!Object.is(a, e)) fail(i, 'nothing')
      continue
    }
    const limit = bound(i)
    if (!(limit >= 0 && Number.isFinite(limit))) throw new Error(`${what}: the bound at [${i}] is ${limit}`)
    if (!(Math.abs(a - e) <= limit)) fail(i, `${limit}`)
  }
}

/** Throws at the first element whose bits differ. */
export function expectSameBits(actual: Float32Array, expected: Float32Array, what: string, seed?: number): void {
  if (sameBits(actual, expected)) return
  const [a, e] = [new Uint32Array(bytes(actual).slice().buffer), new Uint32Array(bytes(expected).slice().buffer)]
  const i = e.findIndex((word, index) => word !== a[index])
  throw new Error(`${what}: [${i}] is ${actual[i]}, expected the bits of ${expected[i]} (of ${expected.length}, seed ${seed ?? 'none'})`)
}

const bytes = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
