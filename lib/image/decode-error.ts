// Why a picture could not be decoded: sharp's messages, and on failure a look at the file's size and first bytes, as a VitrineError.
// Before it: decode.ts; after it: nothing.
import { open } from 'node:fs/promises'
import { VitrineError } from '../errors'

/** Whether the first bytes are those of a format on decode.ts's list; what follows them may still be damaged. */
function looksSupported(head: Uint8Array): boolean {
  const at = (offset: number, text: string) => [...text].every((letter, i) => head[offset + i] === letter.charCodeAt(0))
  return (
    at(0, '\xff\xd8\xff') || // JPEG
    at(0, '\x89PNG') ||
    (at(0, 'RIFF') && at(8, 'WEBP')) ||
    at(0, 'GIF8') ||
    at(0, 'II*\0') || // TIFF, and BigTIFF below
    at(0, 'MM\0*') ||
    at(0, 'II+\0') ||
    at(0, 'MM\0+') ||
    at(4, 'ftyp') // HEIF, AVIF
  )
}

/** Size and first bytes of a file; throws ERR_IMAGE_NOT_FOUND where it cannot be read. */
async function peek(path: string, name: string): Promise<{ size: number; head: Uint8Array }> {
  try {
    const file = await open(path, 'r')
    try {
      const stat = await file.stat()
      if (stat.isDirectory()) throw new Error('it is a folder')
      const head = new Uint8Array(16)
      const { bytesRead } = await file.read(head, 0, head.length, 0)
      return { size: stat.isFile() ? stat.size : bytesRead, head }
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: the file cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** libvips repeats itself: each of its lines once, on one line, without the path that the name already says. */
function tidy(message: string, path: string | undefined): string {
  const lines = message
    .split('\n')
    .map((line) => (path ? line.replaceAll(path, 'file') : line).trim())
    .filter(Boolean)
  return [...new Set(lines)].slice(0, 3).join('; ')
}

/** The error to throw for what `input` (a path or bytes) gave. */
export async function decodeError(error: unknown, input: string | Uint8Array, name: string, maxPixels: number): Promise<VitrineError> {
  if (error instanceof VitrineError) return error
  const message = error instanceof Error ? error.message : String(error)
  const make = (code: VitrineError['code'], text: string) => new VitrineError(code, `${name}: ${text}`, { cause: error })
  if (/Could not load the "sharp" module|Cannot find (module|package) 'sharp'/.test(message)) return make('ERR_PLATFORM', message)
  if (/exceeds pixel limit/.test(message)) return make('ERR_IMAGE_TOO_LARGE', `its header says more than the limit of ${maxPixels} pixels`)
  try {
    const { size, head } = typeof input === 'string' ? await peek(input, name) : { size: input.length, head: input }
    if (size === 0) return make('ERR_IMAGE_EMPTY', 'expected an image, found no bytes')
    if (!looksSupported(head)) {
      const found = /unsupported image format/.test(message) ? 'bytes of another kind' : tidy(message, undefined)
      return make('ERR_IMAGE_UNSUPPORTED', `expected jpeg, png, webp, gif, tiff, heif; found ${found}`)
    }
  } catch (found) {
    if (found instanceof VitrineError) return found
  }
  // HEIF and TIFF hold more than is compiled in: the bytes are fine, nobody here can read them.
  if (/unsupported image format|[Uu]nsupported (codec|feature)|not (configured|compiled)|exceeds channel limit/.test(message)) {
    return make(
      'ERR_IMAGE_UNSUPPORTED',
      `a kind of its format that the decoder does not read: ${tidy(message, typeof input === 'string' ? input : undefined)}`,
    )
  }
  return make(
    'ERR_IMAGE_DECODE',
    `damaged: ${tidy(message, typeof input === 'string' ? input : undefined) || 'the decoder gives no reason'}`,
  )
}
