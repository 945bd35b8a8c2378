// preprocessor_config.json of transformers' image processors → Pipeline. Before it: checkpoint/open.ts; after it: pipeline.ts.
// The class says what a missing key means and whether a lone number is a square or a shortest edge.
import { VitrineError } from '../errors'
import { unsupportedPart } from './check'
import type { Pipeline, PixelSize } from './pipeline'

type Triple = [number, number, number]

const half: Triple = [0.5, 0.5, 0.5]
const clipMean: Triple = [0.48145466, 0.4578275, 0.40821073]
const clipStd: Triple = [0.26862954, 0.26130258, 0.27577711]
const square = (n: number): PixelSize => ({ width: n, height: n })

/** What a processor class does with a config that says nothing. `crop` null: the class has no centre crop. */
interface Processor {
  resize: Pipeline['resize']
  crop: PixelSize | null
  resample: Pipeline['resample']
  mean: Triple
  std: Triple
}
const processors: Record<string, Processor> = {
  ViT: { resize: square(224), crop: null, resample: 'bilinear', mean: half, std: half },
  DeiT: { resize: square(256), crop: square(224), resample: 'bicubic', mean: half, std: half },
  Bit: { resize: { shortestEdge: 224 }, crop: square(224), resample: 'bicubic', mean: clipMean, std: clipStd },
  CLIP: { resize: { shortestEdge: 224 }, crop: square(224), resample: 'bicubic', mean: clipMean, std: clipStd },
  Siglip: { resize: square(224), crop: null, resample: 'bicubic', mean: half, std: half },
}

/** Pillow's numbers of its filters. */
const filters: Pipeline['resample'][] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

/**
 * Reads a parsed preprocessor_config.json, or a processor_config.json that holds one as `image_processor`. `base` is the pipeline to
 * assume where the file names no class (old ViT files do not): the family's default.
 *
 * A file that asks for something vitrine does not do gives a pipeline with `unsupported`; a malformed value is ERR_CHECKPOINT_INVALID.
 */
export function readPreprocessor(file: unknown, fileName: string, base?: Pipeline): Pipeline {
  const invalid = (field: string, expected: string, found: unknown): never => {
    throw new VitrineError('ERR_CHECKPOINT_INVALID', `${fileName}: ${field}: expected ${expected}, found ${JSON.stringify(found)}`)
  }
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(file)) return invalid('the file', 'an object', file)
  const config = isObject(file.image_processor) ? file.image_processor : file

  const unsupported: string[] = []
  const refuse = (field: string, value: unknown = config[field]) => unsupported.push(`${fileName}: ${field} ${JSON.stringify(value)}`)

  const flag = (field: string, otherwise: boolean): boolean => {
    const value = config[field] ?? otherwise
    return typeof value === 'boolean' ? value : invalid(field, 'true or false', value)
  }
  const edge = (value: unknown, field: string): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 16384
      ? value
      : invalid(field, 'a whole number of pixels from 1 to 16384', value)
  const triple = (field: string, otherwise: Triple, ok: (n: number) => boolean, expected: string): Triple => {
    const value = config[field] ?? otherwise
    const list = typeof value === 'number' ? [value, value, value] : value
    const fine = Array.isArray(list) && list.length === 3 && list.every((n) => typeof n === 'number' && ok(n))
    return fine ? [list[0], list[1], list[2]] : invalid(field, expected, value)
  }
  /** A size of `size` or `crop_size`: n, [height, width] or an object; `lone` says what a lone number means. */
  const size = (field: string, otherwise: Pipeline['resize'], lone: (n: number) => Pipeline['resize']): Pipeline['resize'] => {
    const value = config[field] ?? undefined
    if (value === undefined) return otherwise
    if (typeof value === 'number') return lone(edge(value, field))
    if (Array.isArray(value) && value.length === 2) return { height: edge(value[0], field), width: edge(value[1], field) }
    if (!isObject(value)) return invalid(field, 'a number, [height, width] or an object', value)
    const keys = Object.keys(value)
      .filter((key) => value[key] !== null)
      .sort()
      .join(' ')
    if (keys === 'height width') return { height: edge(value.height, `${field}.height`), width: edge(value.width, `${field}.width`) }
    if (keys === 'shortest_edge') return { shortestEdge: edge(value.shortest_edge, `${field}.shortest_edge`) }
    refuse(field)
    return otherwise
  }

  // "CLIPImageProcessorFast", "CLIPImageProcessorPil", and "CLIPFeatureExtractor" as old files say.
  const className = config.image_processor_type ?? config.feature_extractor_type
  const match = typeof className === 'string' ? /^(\w+?)(?:ImageProcessor|FeatureExtractor)(Fast|Pil)?$/.exec(className) : null
  const named = match && Object.hasOwn(processors, match[1]!) ? processors[match[1]!] : undefined
  const assumed = className === undefined && base ? base : undefined
  if (!named && !assumed)
    refuse(config.image_processor_type === undefined ? 'feature_extractor_type' : 'image_processor_type', className ?? null)
  const defaults = named ?? assumed ?? processors.ViT!

  const byEdge = defaults.resize !== null && 'shortestEdge' in defaults.resize
  const asked = size('size', defaults.resize, (n) => (byEdge ? { shortestEdge: n } : square(n)))
  const resize = flag('do_resize', true) ? asked : null

  let crop: PixelSize | null = null
  if (flag('do_center_crop', defaults.crop !== null)) {
    const box = size('crop_size', defaults.crop, square)
    if (box && 'width' in box) crop = box
    else refuse('crop_size')
    // The Pillow processors of these classes ignore a crop, the torchvision ones apply it.
    if (defaults.crop === null) refuse('do_center_crop')
  }
  if (flag('do_pad', false)) refuse('do_pad')

  const number = config.resample ?? undefined
  const resample = number === undefined ? defaults.resample : filters[typeof number === 'number' ? number : -1]
  if (!resample) return invalid('resample', 'one of the numbers 0 to 5', number)
  const resampling = match?.[2] === 'Fast' ? 'torchvision' : 'pillow'
  const part = unsupportedPart({ resample, resampling })
  if (part) unsupported.push(`${fileName}: ${part} (${String(className)})`)

  const normalize = flag('do_normalize', true)
  const factor = config.rescale_factor ?? 1 / 255
  if (typeof factor !== 'number' || !(factor > 0) || !Number.isFinite(factor)) invalid('rescale_factor', 'a positive number', factor)
  const pipeline: Pipeline = {
    resize,
    resample,
    resampling,
    alpha: 'drop',
    crop,
    cropRounding: 'floor',
    pad: 0,
    mean: normalize ? triple('image_mean', defaults.mean, Number.isFinite, 'three numbers') : [0, 0, 0],
    std: normalize ? triple('image_std', defaults.std, (n) => Number.isFinite(n) && n > 0, 'three positive numbers') : [1, 1, 1],
    rescaleFactor: flag('do_rescale', true) ? Number(factor) : 1,
  }
  if (unsupported.length > 0) pipeline.unsupported = unsupported.join('; ')
  return pipeline
}
