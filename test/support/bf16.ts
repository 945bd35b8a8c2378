// bf16 for tests.

/** To nearest even. */
export function bf16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength))
  for (let i = 0; i < bits.length; i++)
    if ((bits[i]! & 0x7fffffff) <= 0x7f800000) bits[i] = (bits[i]! + 0x7fff + ((bits[i]! >> 16) & 1)) & 0xffff0000
  return new Float32Array(bits.buffer)
}
