// The buffers that captured pixels and encoded bytes lie in, used again from call to call: memory fresh from the system costs more than
// copying into it (0.3 ms an image of 224 pixels, before the first image begins). Before it: input.ts, which copies; encode.ts gives back
// what has been decoded or computed.

/** Bytes kept for later calls: 27 images of pixel values at 224 pixels. */
const MOST_KEPT = 16 << 20

const kept: ArrayBuffer[] = []
let keptBytes = 0

/** Floats of our own, equal to `values`, whatever these are backed by. */
export function copyFloats(values: Float32Array): Float32Array {
  const copy = new Float32Array(take(values.byteLength), 0, values.length)
  copy.set(values)
  return copy
}

/** Bytes of our own, equal to `bytes`. */
export function copyBytes(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const copy = new Uint8Array(take(bytes.byteLength), 0, bytes.length)
  copy.set(bytes)
  return copy
}

/** Gives a copy back: nobody may read it any more. What is not given back, such as after an error, goes with the garbage. */
export function giveBack({ buffer }: Float32Array | Uint8Array): void {
  if (buffer.byteLength > MOST_KEPT) return
  kept.push(buffer as ArrayBuffer)
  keptBytes += buffer.byteLength
  while (keptBytes > MOST_KEPT) keptBytes -= kept.shift()!.byteLength
}

/** A kept buffer of that size or up to twice as large, the last that was given back, or a new one. */
function take(byteLength: number): ArrayBuffer {
  let at = kept.length - 1
  while (at >= 0 && !fits(kept[at]!.byteLength, byteLength)) at--
  if (at < 0) return new ArrayBuffer(byteLength)
  const [buffer] = kept.splice(at, 1)
  keptBytes -= buffer!.byteLength
  return buffer!
}

const fits = (found: number, wanted: number) => found >= wanted && found <= 2 * wanted
