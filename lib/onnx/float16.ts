// float32 ↔ the two 16-bit types, rounded to nearest, ties to even. Before it: values.ts and proto.ts.
import type { FloatType } from './graph'

/** IEEE half → number. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The bits of a float32 → those of the nearest half; beyond 65504 infinity. */
export function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Below 2⁻¹⁴ a half is a multiple of 2⁻²⁴.
    if (magnitude < 0x33000000) return sign
    const shift = 126 - (magnitude >>> 23)
    return sign | rounded((magnitude & 0x7fffff) | 0x800000, shift)
  }
  return sign | (rounded(magnitude, 13) - (112 << 10))
}

/** The bits of a float32 → those of the nearest bfloat16. */
export function toBfloat(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return rounded(bits >>> 0, 16) & 0xffff
}

/** n / 2^shift to the nearest integer, halves to the even one. */
function rounded(n: number, shift: number): number {
  const down = n >>> shift
  const rest = n - down * 2 ** shift
  const half = 2 ** (shift - 1)
  return rest > half || (rest === half && down % 2 === 1) ? down + 1 : down
}

/** Little-endian bytes of values in a type: the values' own memory where it is float32. */
export function toBytes(values: Float32Array, type: FloatType): Uint8Array {
  if (type === 'float32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return new Uint8Array(Uint16Array.from(words, type === 'float16' ? toHalf : toBfloat).buffer)
}
