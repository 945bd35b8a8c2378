// What a user may give as an image, captured at the moment of the call: bytes and pixels that a user could still change are copied here,
// once, on the JS thread; pixel values one image after another, so that the first is computed while the others are copied. Before it:
// model.ts; after it: decode.ts.
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { VitrineError } from '../errors'
import { copyBytes, copyFloats } from './copies'

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
  /** http:, https: or data:, read by decode.ts. */
  | { kind: 'url'; name: string; url: string }
  | { kind: 'bytes'; name: string; bytes: Uint8Array | Blob }
  | { kind: 'raw'; name: string; data: Uint8Array; width: number; height: number; channels: 1 | 3 | 4 }
  /** The caller's values until `ownPixels`, which comes before the caller runs again. */
  | { kind: 'pixels'; name: string; data: Float32Array; owned: boolean; width: number; height: number }
  | { kind: 'bad'; name: string; error: VitrineError }

const kinds =
  'a path, a URL, a Buffer or Uint8Array or ArrayBuffer of encoded bytes, a Blob, raw pixels { data, width, height, channels } or pixel values { type, dims, data }'

/**
 * Copies what the user could still change, but for pixel values (`ownPixels`), and names every image. Throws ERR_NO_IMAGES for nothing or
 * an empty array, ERR_IMAGE_DIMS for pixel values whose dims and data disagree. A single bad image becomes `kind: 'bad'`, so that
 * `errors: 'collect'` can keep the others.
 */
export function captureInput(input: unknown): CapturedImage[] {
  if (input === undefined || input === null)
    throw new VitrineError('ERR_NO_IMAGES', `no image given: expected ${kinds}, or an array of images`)
  if (Array.isArray(input)) {
    if (input.length === 0) throw new VitrineError('ERR_NO_IMAGES', 'no images given: the array is empty')
    return Array.from(input, captureImage)
  }
  return isPixelValues(input) ? capturePixelValues(input) : [captureImage(input, 0)]
}

/** One image of an array (or the only one), by its position. */
export function captureImage(image: unknown, index: number): CapturedImage {
  const name = `image ${index} (${sourceOf(image)})`
  try {
    return capture(image, name)
  } catch (error) {
    if (error instanceof VitrineError) return { kind: 'bad', name, error }
    const code = error instanceof RangeError ? 'ERR_OUT_OF_MEMORY' : 'ERR_IMAGE_DIMS'
    return {
      kind: 'bad',
      name,
      error: new VitrineError(code, `${name}: could not be copied: ${(error as Error).message}`, { cause: error }),
    }
  }
}

function capture(image: unknown, name: string): CapturedImage {
  if (typeof image === 'string') return captureText(image, name)
  if (isUrl(image)) return captureText(image.href, name)
  const bytes = viewOf(image)
  if (bytes) return { kind: 'bytes', name, bytes: bytes.length === 0 ? new Uint8Array(0) : copyBytes(bytes) }
  if (isBlob(image)) return { kind: 'bytes', name, bytes: image }
  if (isObject(image) && 'dims' in image) {
    throw new VitrineError(
      'ERR_IMAGE_DIMS',
      `${name}: pixel values are one batch of their own, dims [B, 3, H, W]; they cannot be one of several images`,
    )
  }
  if (isObject(image) && 'data' in image) return captureRaw(image, name)
  throw new VitrineError('ERR_IMAGE_UNSUPPORTED', `${name}: expected ${kinds}`)
}

function captureText(text: string, name: string): CapturedImage {
  if (/^(https?|data):/i.test(text)) return { kind: 'url', name, url: text }
  if (!/^file:/i.test(text)) {
    if (text === '' || text.includes('\0')) {
      throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: ${text === '' ? 'an empty path' : 'a path with a zero byte'}`)
    }
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
      throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: expected a path or a URL of file:, http:, https: or data:`)
    }
    return { kind: 'file', name, path: text }
  }
  try {
    return { kind: 'file', name, path: fileURLToPath(text) }
  } catch (cause) {
    throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: ${(cause as Error).message}`, { cause })
  }
}

function captureRaw(image: Record<string, unknown>, name: string): CapturedImage {
  const { width, height, channels } = image
  const side = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0 && n < 2 ** 31
  if (!side(width) || !side(height)) {
    throw new VitrineError(
      'ERR_IMAGE_DIMS',
      `${name}: expected width and height as whole numbers above 0, found ${String(width)} and ${String(height)}`,
    )
  }
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new VitrineError('ERR_IMAGE_DIMS', `${name}: expected channels 1 (grey), 3 (RGB) or 4 (RGBA), found ${String(channels)}`)
  }
  const bytes = types.isUint8Array(image.data) || types.isUint8ClampedArray(image.data) ? viewOf(image.data) : undefined
  const expected = width * height * channels
  if (!bytes || bytes.length !== expected) {
    const found = bytes ? `${bytes.length}` : typeName(image.data)
    throw new VitrineError(
      'ERR_IMAGE_DIMS',
      `${name}: expected a Uint8Array of ${width} × ${height} × ${channels} = ${expected} bytes as data, found ${found}`,
    )
  }
  return { kind: 'raw', name, data: copyBytes(bytes), width, height, channels }
}

/** Copies the pixel values where that has not been done: each image has its own, so that one can be let go while others wait. */
export function ownPixels(image: CapturedImage): void {
  if (image.kind !== 'pixels' || image.owned) return
  try {
    image.data = copyFloats(image.data)
    image.owned = true
  } catch (cause) {
    const error = new VitrineError('ERR_OUT_OF_MEMORY', `${image.name}: could not be copied: ${(cause as Error).message}`, { cause })
    Object.assign(image, { kind: 'bad', error })
  }
}

/** [B, 3, H, W] → B images. */
function capturePixelValues(input: Record<string, unknown>): CapturedImage[] {
  const { type, dims, data } = input
  const fail = (message: string): never => {
    throw new VitrineError('ERR_IMAGE_DIMS', `pixel values: ${message}`)
  }
  if (type !== 'float32' || !types.isFloat32Array(data)) {
    return fail(`expected type 'float32' and a Float32Array as data, found type ${JSON.stringify(type)} and ${typeName(data)}`)
  }
  const whole = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n < 2 ** 31
  if (!Array.isArray(dims) || dims.length !== 4 || !dims.every(whole) || dims[1] !== 3) {
    return fail(`expected dims [B, 3, H, W], found ${Array.isArray(dims) ? `[${dims.join(', ')}]` : typeName(dims)}`)
  }
  const [batch, , height, width] = dims as [number, number, number, number]
  if (batch === 0) throw new VitrineError('ERR_NO_IMAGES', `no images given: pixel values of dims [${dims.join(', ')}]`)
  if (height === 0 || width === 0) return fail(`dims [${dims.join(', ')}] hold no pixels`)
  const length = 3 * height * width
  if (data.length !== batch * length) {
    return fail(`dims [${dims.join(', ')}] need ${batch * length} values, data has ${data.length}`)
  }
  const images: CapturedImage[] = []
  for (let i = 0; i < batch; i++) {
    const values = data.subarray(i * length, (i + 1) * length)
    images.push({ kind: 'pixels', name: `image ${i} (pixel values)`, data: values, owned: false, width, height })
  }
  return images
}

/** The bytes behind a Buffer, Uint8Array, Uint8ClampedArray, DataView, ArrayBuffer or SharedArrayBuffer; of other realms too. */
function viewOf(value: unknown): Uint8Array | undefined {
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value as ArrayBuffer)
  if (types.isUint8Array(value)) return value
  if (types.isUint8ClampedArray(value) || types.isDataView(value)) {
    return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
  }
  return undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
function isPixelValues(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !ArrayBuffer.isView(value) && 'dims' in value
}
function isUrl(value: unknown): value is URL {
  return isObject(value) && typeof value.href === 'string' && typeof value.protocol === 'string'
}
function isBlob(value: unknown): value is Blob {
  return isObject(value) && typeof value.size === 'number' && typeof value.arrayBuffer === 'function'
}
function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : `a ${typeof value}`
}

/** What to call a source in messages: a path or URL as given (without a password), else its type and size. */
function sourceOf(image: unknown): string {
  const text = typeof image === 'string' ? image : isUrl(image) ? image.href : undefined
  if (text !== undefined) {
    if (/^data:/i.test(text)) return `${text.slice(0, 40)}${text.length > 40 ? '…' : ''}`
    return /^https?:/i.test(text) ? text.replace(/^(https?:\/\/)[^/@]*@/i, '$1') : text
  }
  if (types.isAnyArrayBuffer(image) || ArrayBuffer.isView(image)) return `${typeName(image)} of ${image.byteLength} bytes`
  if (isBlob(image)) return 'name' in image && typeof image.name === 'string' ? image.name : `Blob of ${image.size} bytes`
  if (isObject(image) && 'dims' in image) return 'pixel values'
  if (isObject(image) && 'data' in image) return `raw pixels ${String(image.width)}×${String(image.height)}`
  return typeName(image)
}
