// What a user may give as an image, captured at the moment of the call: bytes and pixels that a user could still change are copied here,
// once, on the JS thread. Before it: model.ts; after it: decode.ts.

/** Raw pixels, row by row; 1 grey, 3 RGB, 4 RGBA. */
export interface RawPixels {
  data: Uint8Array | Uint8ClampedArray
  width: number
  height: number
  channels: 1 | 3 | 4
}
/** Pixel values [B, 3, H, W], already normalised. NaN passes through. */
export interface PixelValues {
  type: 'float32'
  dims: readonly number[]
  data: Float32Array
}
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawPixels
export type ImageInput = ImageSource | readonly ImageSource[] | PixelValues

/** One image of a call. `name` is what messages call it: `image 3 (b.png)`. */
export type CapturedImage =
  | { kind: 'file'; name: string; path: string }
  | { kind: 'bytes'; name: string; bytes: Uint8Array | Blob }
  | { kind: 'raw'; name: string; data: Uint8Array; width: number; height: number; channels: 1 | 3 | 4 }
  | { kind: 'pixels'; name: string; data: Float32Array; width: number; height: number }
  | { kind: 'bad'; name: string; error: Error }

/**
 * ERR_NO_IMAGES for an empty array; ERR_IMAGE_DIMS for pixel values whose dims and data disagree. A single bad image of an array becomes
 * `kind: 'bad'`, so that `errors: 'collect'` can keep the others.
 */
export function captureInput(_input: unknown): CapturedImage[] {
  throw new Error('not written yet')
}
