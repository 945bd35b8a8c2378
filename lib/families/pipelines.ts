// What a family's processor does to pictures when no file beside the weights says otherwise. Before it: a family's file; after it:
// image/pipeline.ts. Sizes follow the checkpoint's own image size.
import type { Pipeline } from '../image/pipeline'
import type { Size } from './family'

type Triple = [number, number, number]
export const imagenet: { mean: Triple; std: Triple } = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
export const half: { mean: Triple; std: Triple } = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
export const openai: { mean: Triple; std: Triple } = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

const base = { resampling: 'pillow', alpha: 'drop', cropRounding: 'floor', pad: 0, rescaleFactor: 1 / 255 } as const

/** An edge before the crop, in the proportion of 256 to 224. */
export const beforeCrop = (edge: number) => Math.round((edge * 256) / 224)

/** Both edges become the target's, whatever the picture's proportions. */
export function squash(size: Size, resample: Pipeline['resample'], colours: { mean: Triple; std: Triple }): Pipeline {
  return { ...base, resize: { width: size.width, height: size.height }, resample, crop: null, ...colours }
}

/** A squash to `resized`, then the centre. */
export function squashAndCrop(resized: Size, crop: Size, resample: Pipeline['resample'], colours: { mean: Triple; std: Triple }): Pipeline {
  return { ...squash(resized, resample, colours), crop: { width: crop.width, height: crop.height } }
}

/** The shorter edge becomes `shortestEdge`, then the centre. */
export function shortestAndCrop(
  shortestEdge: number,
  crop: Size,
  resample: Pipeline['resample'],
  colours: { mean: Triple; std: Triple },
): Pipeline {
  return { ...base, resize: { shortestEdge }, resample, crop: { width: crop.width, height: crop.height }, ...colours }
}
