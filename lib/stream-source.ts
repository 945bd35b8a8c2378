// What a stream takes, and each of its items as a captured image. Before it: model.ts; after it: stream.ts, image/input.ts.
import { VitrineError } from './errors'
import { type CapturedImage, captureImage, captureInput } from './image/input'

/** ERR_OPTION_INVALID for what cannot be iterated, and for a lone string or buffer, whose parts are no images. */
export function checkSource(images: unknown): void {
  const iterable = typeof images === 'object' && images !== null && (Symbol.asyncIterator in images || Symbol.iterator in images)
  if (iterable && !ArrayBuffer.isView(images)) return
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `stream(): expected an iterable or async iterable of images, found ${iterable ? 'bytes' : `a ${typeof images}`}`,
  )
}

/** One item of a stream; pixel values must be a batch of one. A bad item becomes `kind: 'bad'`. */
export function captureItem(item: unknown, index: number): CapturedImage {
  if (typeof item !== 'object' || item === null || !('dims' in item)) return captureImage(item, index)
  const name = `image ${index} (pixel values)`
  try {
    const [image, ...more] = captureInput(item)
    if (more.length === 0) return { ...image!, name }
    throw new VitrineError('ERR_IMAGE_DIMS', `${name}: an item of a stream is one image, dims [1, 3, H, W]; found ${more.length + 1}`)
  } catch (error) {
    if (error instanceof VitrineError) return { kind: 'bad', name, error }
    throw error
  }
}
