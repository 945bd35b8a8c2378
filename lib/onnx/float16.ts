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
  return rounded(bits & 0x7fffffff, 16) | ((bits >>> 16) & 0x8000)
}

/** n / 2^shift to the nearest integer, halves to the even one; n + 2^(shift − 1) is below 2³². */
function rounded(n: number, shift: number): number {
  return (n + (1 << (shift - 1)) - 1 + ((n >>> shift) & 1)) >>> shift
}

/** Little-endian bytes of values in a type: the values' own memory where it is float32. */
export function toBytes(values: Float32Array, type: FloatType): Uint8Array {
  if (type === 'float32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  // A loop each: with the function as a value it is not inlined, and takes eight times as long.
  if (type === 'float16') for (let i = 0; i < out.length; i++) out[i] = toHalf(words[i]!)
  else for (let i = 0; i < out.length; i++) out[i] = toBfloat(words[i]!)
  return new Uint8Array(out.buffer)
}
