// The buffers that captured pixels lie in, used again from call to call: memory fresh from the system costs more than copying into it (0.3
// ms an image of 224 pixels, before the first image begins). Before it: input.ts, which copies; encode.ts gives back what has been computed.

/** Bytes kept for later calls: 27 images of pixel values at 224 pixels. */
const MOST_KEPT = 16 << 20

let kept: ArrayBuffer[] = []
let keptBytes = 0

/** Floats of our own, equal to `values`, whatever these are backed by. */
export function copyFloats(values: Float32Array): Float32Array {
  const copy = new Float32Array(take(values.byteLength))
  copy.set(values)
  return copy
}

/** Bytes of our own, equal to `bytes`. */
export function copyBytes(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  const copy = new Uint8Array(take(bytes.byteLength))
  copy.set(bytes)
  return copy
}

/** Gives a copy back: nobody may read it any more. What is not given back, such as after an error, goes with the garbage. */
export function giveBack({ buffer }: Float32Array | Uint8Array): void {
  if (buffer.byteLength > MOST_KEPT) return
  kept.push(buffer as ArrayBuffer)
  keptBytes += buffer.byteLength
  let dropped = 0
  while (keptBytes > MOST_KEPT) keptBytes -= kept[dropped++]!.byteLength
  if (dropped > 0) kept = kept.slice(dropped)
}

/** A kept buffer of exactly that size, or a new one. */
function take(byteLength: number): ArrayBuffer {
  let at = kept.length - 1
  while (at >= 0 && kept[at]!.byteLength !== byteLength) at--
  if (at < 0) return new ArrayBuffer(byteLength)
  keptBytes -= byteLength
  return kept.splice(at, 1)[0]!
}
