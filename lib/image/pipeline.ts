// What happens between a picture and the encoder: a plain object, and its arithmetic. Before it: decode.ts; after it: native.ts.
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

/** Size that a picture has when it reaches the encoder; undefined where the pipeline leaves it to the picture. */
export function outputSize(_pipeline: Pipeline): PixelSize | undefined {
  throw new Error('not written yet')
}

/** `imageSize` n or { height, width }: the crop becomes it, the resize is scaled by the same factor. */
export function resizePipeline(_pipeline: Pipeline, _size: PixelSize): Pipeline {
  throw new Error('not written yet')
}

/** The exact resize and crop of one picture. */
export function geometry(_pipeline: Pipeline, _width: number, _height: number): Geometry {
  throw new Error('not written yet')
}

/** Checks a user's `preprocess` object, filled up from `base`; ERR_OPTION_UNKNOWN, ERR_OPTION_INVALID, ERR_PREPROCESS_UNSUPPORTED. */
export function checkPipeline(_value: unknown, _base: Pipeline): Pipeline {
  throw new Error('not written yet')
}
