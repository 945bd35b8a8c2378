// The size that a call runs at, and the preprocessing that gives it. Before it: model.ts; after it: plan.ts.
// Of pixel values their own; of pictures `imageSize` of the call, else of load(), else the crop, else the config's.
import type { Shape } from './checkpoint/shape'
import { VitrineError } from './errors'
import type { Size } from './families/family'
import type { CapturedImage } from './image/input'
import { outputSize, type Pipeline, resizePipeline } from './image/pipeline'
import type { ImageSize } from './options'

export interface SizeSource {
  shape: Shape
  /** The config's, used where nothing else says a size. */
  imageSize: Size
  /** With load()'s `imageSize` already applied. */
  pipeline: Pipeline
}

export interface Run {
  size: Size
  pipeline: Pipeline
}

export const asSize = (size: ImageSize): Size => (typeof size === 'number' ? { height: size, width: size } : size)
const text = (size: Size) => `${size.height}×${size.width}`

/** The preprocessing at another size; as it is where none is asked for. */
export function pipelineAt(pipeline: Pipeline, imageSize: ImageSize | undefined): Pipeline {
  return imageSize === undefined ? pipeline : resizePipeline(pipeline, asSize(imageSize))
}

/** Height × width that pictures run at by default. */
export function defaultSize(source: SizeSource): Size {
  return outputSize(source.pipeline) ?? source.imageSize
}

/** ERR_IMAGE_SIZE where the model cannot run at the size, or `imageSize` contradicts the dims of pixel values. */
export function runOf(source: SizeSource, images: readonly CapturedImage[], imageSize: ImageSize | undefined): Run {
  const pixels = images.find((image) => image.kind === 'pixels')
  const pipeline = pipelineAt(source.pipeline, imageSize)
  if (!pixels) {
    const size = imageSize === undefined ? defaultSize(source) : asSize(imageSize)
    checkSize(source.shape, size, 'image size')
    return { size, pipeline }
  }
  const size = { height: pixels.height, width: pixels.width }
  if (imageSize !== undefined && text(asSize(imageSize)) !== text(size)) {
    throw new VitrineError(
      'ERR_IMAGE_SIZE',
      `imageSize ${text(asSize(imageSize))} contradicts the pixel values, whose dims say ${text(size)}`,
    )
  }
  checkSize(source.shape, size, `${pixels.name}: pixel values of`)
  return { size, pipeline }
}

/** ERR_IMAGE_SIZE with the nearest sizes that the patch divides, or the only one that the graph was exported for. */
export function checkSize({ patch, fixed }: Shape, size: Size, what: string): void {
  if (fixed) {
    if (text(fixed.size) === text(size)) return
    throw new VitrineError(
      'ERR_IMAGE_SIZE',
      `${what} ${text(size)}: the ONNX graph takes ${text(fixed.size)} alone, the size that it was exported for`,
    )
  }
  if (!patch) return
  for (const side of ['height', 'width'] as const) {
    const below = size[side] - (size[side] % patch[side])
    if (below === size[side]) continue
    const nearest = below === 0 ? `${patch[side]}` : `${below} and ${below + patch[side]}`
    throw new VitrineError(
      'ERR_IMAGE_SIZE',
      `${what} ${text(size)}: the ${side} must be a multiple of the patch, ${patch[side]}; nearest: ${nearest}`,
    )
  }
}

/** ERR_IMAGE_SIZE where the preprocessing leaves a picture at a size that the call does not run at. */
export function checkCrop(name: string, run: Run, crop: { cropWidth: number; cropHeight: number }): void {
  if (crop.cropWidth === run.size.width && crop.cropHeight === run.size.height) return
  throw new VitrineError(
    'ERR_IMAGE_SIZE',
    `${name}: the preprocessing makes ${crop.cropHeight}×${crop.cropWidth} of it, this call runs at ${text(run.size)}; give imageSize, or a crop in 'preprocess'`,
  )
}
