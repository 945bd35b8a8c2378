// The pipelines of the picture fixtures: transformers' from their config files, the others as the `preprocess` objects that say the same.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pipeline } from '../../lib/image/pipeline'
import { readPreprocessor } from '../../lib/image/preprocessor'
import { expected, imagesFolder } from './support'

const plain: Pipeline = {
  resize: null,
  resample: 'bicubic',
  resampling: 'pillow',
  alpha: 'drop',
  crop: null,
  cropRounding: 'round',
  pad: 0,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  rescaleFactor: 1 / 255,
}
const square = (n: number) => ({ width: n, height: n })
const centre224 = { crop: square(224) }

const objects: Record<string, Partial<Pipeline>> = {
  'torchvision-vit-b-16': { ...centre224, resize: { shortestEdge: 256 }, resample: 'bilinear' },
  // timm: edge = ⌊size / crop_pct⌋
  'timm-bicubic-crop-0.9': { ...centre224, resize: { shortestEdge: 248 } },
  'timm-bicubic-crop-1.0': { ...centre224, resize: { shortestEdge: 224 } },
  'timm-bilinear-crop-0.875': { ...centre224, resize: { shortestEdge: 256 }, resample: 'bilinear' },
  'timm-lanczos-crop-0.95': { ...centre224, resize: { shortestEdge: 235 }, resample: 'lanczos' },
  'timm-squash-crop-0.9': { ...centre224, resize: square(248) },
  'timm-border-crop-1.0': { ...centre224, resize: { longestEdge: 224 }, pad: 128 },
  'timm-border-crop-0.9': { ...centre224, resize: { longestEdge: 248 }, pad: [124, 116, 104] },
  'timm-192x256-crop-0.9': { resize: { cover: { width: 284, height: 213 } }, crop: { width: 256, height: 192 } },
  'timm-crop-1.2-pads': { ...centre224, resize: { shortestEdge: 186 } },
  'openclip-shortest-224': { ...centre224, resize: { shortestEdge: 224 } },
  'openclip-squash-224': { ...centre224, resize: square(224) },
  'openclip-longest-224': { ...centre224, resize: { longestEdge: 224 } },
  'openclip-longest-224-bilinear-fill-127': { ...centre224, resize: { longestEdge: 224 }, resample: 'bilinear', pad: 127 },
}

/** The pipeline of that name. */
export function pipelineOf(name: string): Pipeline {
  const { config } = expected.pipelines[name]!
  if (objects[name]) return { ...plain, ...objects[name] }
  return readPreprocessor(JSON.parse(readFileSync(join(imagesFolder, config!), 'utf8')), config!)
}
