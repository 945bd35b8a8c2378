// What happens between a picture and the encoder: a plain object, and its arithmetic in integers as each reference library does it.
// Before it: decode.ts; after it: native.ts. check.ts validates what a user gives; preprocessor.ts reads a checkpoint's file.
import { VitrineError } from '../errors'
import type { Geometry } from '../native'

export interface PixelSize {
  width: number
  height: number
}

/** How pictures become the encoder's input. Read from a checkpoint's files, or given as `preprocess`. */
export interface Pipeline {
  resize: PixelSize | { shortestEdge: number } | { longestEdge: number } | { cover: PixelSize } | null
  resample: 'nearest' | 'bilinear' | 'bicubic' | 'lanczos' | 'box' | 'hamming'
  resampling: 'pillow' | 'pillow11' | 'torchvision'
  alpha: 'drop' | 'white'
  crop: PixelSize | null
  cropRounding: 'floor' | 'round'
  pad: number | [number, number, number]
  mean: [number, number, number]
  std: [number, number, number]
  rescaleFactor: number
  /** Set by a reader of files: the field of the file that vitrine cannot do yet. Pictures are refused with it; pixel values work. */
  unsupported?: string
}

/** Largest edge of a picture before and after a resize; kLargestSide of native/engine/geometry.h. */
const LARGEST_EDGE = 2 ** 24

/** Python's `round`: halves to the even neighbour. `x` is not negative. */
function roundHalfEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
}

/** Size that a picture has when it reaches the encoder; undefined where the pipeline leaves it to the picture. */
export function outputSize(pipeline: Pipeline): PixelSize | undefined {
  if (pipeline.crop) return { ...pipeline.crop }
  if (pipeline.resize && 'width' in pipeline.resize) return { width: pipeline.resize.width, height: pipeline.resize.height }
  return undefined
}

/**
 * `imageSize` n or { height, width }: the crop becomes it, the resize is scaled by the same factor (of two different ones, an edge by the
 * larger). A pipeline that leaves the size to the picture gets a crop of that size, filled as tightly as it can be.
 */
export function resizePipeline(pipeline: Pipeline, size: PixelSize): Pipeline {
  const from = outputSize(pipeline)
  if (!from) return { ...pipeline, resize: { cover: { ...size } }, crop: { ...size } }
  const scaled = (n: number, factor: number) => Math.max(1, Math.round(n * factor))
  const box = (b: PixelSize): PixelSize => ({
    width: scaled(b.width, size.width / from.width),
    height: scaled(b.height, size.height / from.height),
  })
  const edge = (n: number) => scaled(n, Math.max(size.width / from.width, size.height / from.height))
  const { resize } = pipeline
  let to = resize
  if (resize && 'shortestEdge' in resize) to = { shortestEdge: edge(resize.shortestEdge) }
  else if (resize && 'longestEdge' in resize) to = { longestEdge: edge(resize.longestEdge) }
  else if (resize && 'cover' in resize) to = { cover: box(resize.cover) }
  else if (resize) to = box(resize)
  return { ...pipeline, resize: to, crop: pipeline.crop && { ...size } }
}

/** Size of the whole picture after the resize, before any crop. */
function resized(resize: Pipeline['resize'], width: number, height: number): PixelSize {
  if (!resize) return { width, height }
  if ('width' in resize) return { width: resize.width, height: resize.height }
  if ('shortestEdge' in resize) {
    // transformers and torchvision: int(size · long / short)
    const edge = resize.shortestEdge
    return width <= height
      ? { width: edge, height: Math.floor((edge * height) / width) }
      : { width: Math.floor((edge * width) / height), height: edge }
  }
  // timm's and open_clip's ResizeKeepRatio, in its own order of divisions
  const target = 'cover' in resize ? resize.cover : { width: resize.longestEdge, height: resize.longestEdge }
  const ratios = [height / target.height, width / target.width] as const
  const ratio = 'cover' in resize ? Math.min(...ratios) : Math.max(...ratios)
  return { width: roundHalfEven(width / ratio), height: roundHalfEven(height / ratio) }
}

/** Where a centre crop of `size` begins along an edge of `n` pixels; negative where the edge is shorter and must be padded. */
function cropStart(n: number, size: number, pipeline: Pipeline): number {
  if (n < size) {
    // Of an odd padding, transformers on Pillow puts the larger part above and left, everybody else below and right.
    const larger = pipeline.cropRounding === 'floor' && pipeline.resampling !== 'torchvision'
    return larger ? -Math.ceil((size - n) / 2) : -Math.floor((size - n) / 2)
  }
  return pipeline.cropRounding === 'floor' ? Math.floor((n - size) / 2) : roundHalfEven((n - size) / 2)
}

/**
 * The exact resize and crop of one picture of width × height pixels; `name` is what messages call it. Throws ERR_PREPROCESS_UNSUPPORTED
 * where the pipeline has a part that vitrine cannot do, ERR_IMAGE_DIMS where an edge would vanish or pass 2²⁴.
 */
export function geometry(pipeline: Pipeline, width: number, height: number, name = 'the picture'): Geometry {
  if (pipeline.unsupported) {
    throw new VitrineError(
      'ERR_PREPROCESS_UNSUPPORTED',
      `${name}: this checkpoint's preprocessing is not supported yet: ${pipeline.unsupported}. ` +
        'Give pixel values, or say with the option preprocess what to do with pictures.',
    )
  }
  const to = resized(pipeline.resize, width, height)
  if ([width, height, to.width, to.height].some((edge) => edge < 1 || edge > LARGEST_EDGE)) {
    throw new VitrineError(
      'ERR_IMAGE_DIMS',
      `${name}: ${width}×${height} pixels would become ${to.width}×${to.height} by ${JSON.stringify(pipeline.resize)}; expected edges of 1 to ${LARGEST_EDGE}`,
    )
  }
  const crop = pipeline.crop ?? to
  const { pad } = pipeline
  return {
    resizeWidth: to.width,
    resizeHeight: to.height,
    filter: pipeline.resample,
    coefficients: pipeline.resampling === 'torchvision' ? 'torchvision' : 'pillow',
    // Pillow 13, from signed counts of pixels; before it, and in torchvision, always horizontally first.
    verticalFirst: pipeline.resampling === 'pillow' && height - to.height > 0 && height - to.height > 2 * (width - to.width),
    cropLeft: pipeline.crop ? cropStart(to.width, crop.width, pipeline) : 0,
    cropTop: pipeline.crop ? cropStart(to.height, crop.height, pipeline) : 0,
    cropWidth: crop.width,
    cropHeight: crop.height,
    pad: typeof pad === 'number' ? [pad, pad, pad] : [...pad],
  }
}

export { checkPipeline } from './check'
