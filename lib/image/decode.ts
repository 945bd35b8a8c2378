// Encoded bytes → upright pixels that become Pillow's RGB, by sharp, off the JS thread. Before it: model.ts; after it: pipeline.ts.
// Four-channel kinds (CMYK, alpha over white) leave here as they are: native/engine/pixels.cc makes RGB of them row by row.
import { createRequire } from 'node:module'
import type sharp from 'sharp'
import { VitrineError } from '../errors'
import type { PixelLayout } from '../native'
import { decodeError } from './decode-error'
import { fetchBytes } from './fetch'
import type { CapturedImage } from './input'
import { jpegComponents } from './jpeg'

/** Upright pixels, row by row without gaps, in a buffer that nobody else holds. */
export interface Picture {
  data: Uint8Array
  layout: PixelLayout
  width: number
  height: number
}
export interface DecodeOptions {
  exif: boolean
  alpha: 'drop' | 'white'
  /** Width × height above which a picture is refused from its header. */
  maxPixels: number
  /** Ends a download; rejects with its reason. */
  signal?: AbortSignal
}

/** sharp's own default: what 16383 × 16383 pixels are. */
export const DEFAULT_MAX_PIXELS = 0x3fff ** 2

/** What bytes are decoded, whatever a file is called; by sharp's names, of which heif includes AVIF. */
export const formats: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']

let loaded: typeof sharp | undefined
/** sharp, opened on first use, as the addon is: importing vitrine costs nothing. */
function loadSharp(): typeof sharp {
  loaded ??= createRequire(__filename)('sharp') as typeof sharp
  return loaded
}

type Source = Extract<CapturedImage, { kind: 'file' | 'url' | 'bytes' | 'raw' }>

/**
 * Decodes one image. ERR_IMAGE_EMPTY, _NOT_FOUND, _UNSUPPORTED, _TOO_LARGE, _DECODE: each names the image, what was expected and what was
 * found. A file is read by sharp itself, its header first; nothing of it passes through JavaScript.
 */
export async function decode(image: Source, options: DecodeOptions): Promise<Picture> {
  if (image.kind === 'raw') return raw(image, options)
  const input = await encoded(image, options)
  if (typeof input !== 'string' && input.length === 0)
    throw new VitrineError('ERR_IMAGE_EMPTY', `${image.name}: expected an image, found no bytes`)
  try {
    return await decodeEncoded(input, image.name, options)
  } catch (error) {
    throw await decodeError(error, input, image.name, options.maxPixels)
  }
}

async function decodeEncoded(input: string | Uint8Array, name: string, { exif, alpha, maxPixels }: DecodeOptions): Promise<Picture> {
  const sharp = loadSharp()
  // Pillow applies no profile; a decoder's warning is an error; sharp's limit is tested on the header, before any pixel.
  const settings: sharp.SharpOptions = { failOn: 'error', ignoreIcc: true, limitInputPixels: Math.min(maxPixels, Number.MAX_SAFE_INTEGER) }
  const read = (layout: 'rgb' | 'rgba-over-white' | 'cmyk') => {
    let pipeline = sharp(input, settings)
    if (exif) pipeline = pipeline.autoOrient()
    if (layout === 'cmyk') pipeline = pipeline.removeAlpha().pipelineColourspace('cmyk').toColourspace('cmyk')
    else pipeline = (layout === 'rgb' ? pipeline.removeAlpha() : pipeline.ensureAlpha()).toColourspace('srgb')
    return pipeline.raw().toBuffer({ resolveWithObject: true })
  }
  const layoutOf = async () => {
    const header = await sharp(input, settings).metadata()
    if (!formats.includes(header.format)) {
      throw new VitrineError('ERR_IMAGE_UNSUPPORTED', `${name}: expected ${formats.join(', ')}; found ${header.format}`)
    }
    return header.space === 'cmyk' ? 'cmyk' : alpha === 'white' && header.hasAlpha ? 'rgba-over-white' : 'rgb'
  }
  // A JPEG of colours or greys becomes RGB, whatever its header says besides.
  const components = typeof input === 'string' ? undefined : jpegComponents(input)
  const layout = components === 1 || components === 3 ? 'rgb' : await layoutOf()
  const { data, info } = await read(layout)

  const channels = layout === 'rgb' ? 3 : 4
  if (info.channels !== channels || data.length !== info.width * info.height * channels) {
    throw new VitrineError('ERR_IMAGE_DECODE', `${name}: expected ${channels} channels of ${layout}, the decoder gave ${info.channels}`)
  }
  return { data, layout, width: info.width, height: info.height }
}

function raw(image: Extract<Source, { kind: 'raw' }>, { alpha, maxPixels }: DecodeOptions): Picture {
  const { data, width, height, channels } = image
  if (width * height > maxPixels) {
    throw new VitrineError('ERR_IMAGE_TOO_LARGE', `${image.name}: ${width} × ${height} pixels are above the limit of ${maxPixels}`)
  }
  const layout = channels === 1 ? 'grey' : channels === 3 ? 'rgb' : alpha === 'white' ? 'rgba-over-white' : 'rgba'
  return { data, layout, width, height }
}

/** What to hand to sharp: a path, or bytes that only we hold. */
async function encoded(image: Exclude<Source, { kind: 'raw' }>, options: DecodeOptions): Promise<string | Uint8Array> {
  if (image.kind === 'url') return fetchBytes(image.url, image.name, options.signal)
  if (image.kind === 'bytes') return image.bytes instanceof Uint8Array ? image.bytes : blobBytes(image.bytes, image.name)
  // libvips takes what stands in brackets at the end of a name for options of its own.
  if (!image.path.endsWith(']')) return image.path
  const { readFile } = await import('node:fs/promises')
  return readFile(image.path).catch(async (error) => {
    throw await decodeError(error, image.path, image.name, options.maxPixels)
  })
}

async function blobBytes(blob: Blob, name: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer())
  } catch (cause) {
    throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: the Blob could not be read: ${(cause as Error).message}`, { cause })
  }
}
