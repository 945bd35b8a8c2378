// Encoded bytes → upright RGB with Pillow's bytes, by sharp, off the JS thread. Before it: model.ts; after it: pipeline.ts.
import type { CapturedImage } from './input'

export interface Picture {
  data: Uint8Array
  width: number
  height: number
}
export interface DecodeOptions {
  exif: boolean
  alpha: 'drop' | 'white'
  /** Width × height above which a picture is refused from its header. */
  maxPixels: number
}

/** ERR_IMAGE_EMPTY, _NOT_FOUND, _UNSUPPORTED, _TOO_LARGE, _DECODE: each names the image, what was expected and what was found. */
export async function decode(
  _image: Extract<CapturedImage, { kind: 'file' | 'bytes' | 'raw' }>,
  _options: DecodeOptions,
): Promise<Picture> {
  throw new Error('not written yet')
}
