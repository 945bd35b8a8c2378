// Validates a user's `preprocess` object. Before it: options.ts; after it: pipeline.ts, whose type it checks field by field.
import { VitrineError } from '../errors'
import type { Pipeline, PixelSize } from './pipeline'

/** Largest edge of a resize or crop that is accepted: beyond it a typing error is likelier than a wish. */
const LARGEST_EDGE = 16384

type Field = Exclude<keyof Pipeline, 'unsupported'>

function fail(field: string, expected: string, found: unknown): never {
  const shown = typeof found === 'string' || (typeof found === 'object' && found !== null) ? JSON.stringify(found) : String(found)
  throw new VitrineError('ERR_OPTION_INVALID', `preprocess.${field}: expected ${expected}, found ${shown}`)
}

function oneOf<T extends string>(...names: T[]) {
  return (value: unknown, field: string): T =>
    names.includes(value as T) ? (value as T) : fail(field, names.map((name) => `"${name}"`).join(' or '), value)
}

function edge(value: unknown, field: string): number {
  const ok = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= LARGEST_EDGE
  return ok ? value : fail(field, `a whole number of pixels from 1 to ${LARGEST_EDGE}`, value)
}

function hasKeys(value: unknown, keys: string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const found = Object.keys(value)
  return found.length === keys.length && keys.every((key) => found.includes(key))
}

function size(value: unknown, field: string): PixelSize {
  if (!hasKeys(value, ['width', 'height'])) return fail(field, '{ width, height }', value)
  return { width: edge(value.width, `${field}.width`), height: edge(value.height, `${field}.height`) }
}

function resize(value: unknown, field: string): Pipeline['resize'] {
  if (value === null) return null
  if (hasKeys(value, ['shortestEdge'])) return { shortestEdge: edge(value.shortestEdge, `${field}.shortestEdge`) }
  if (hasKeys(value, ['longestEdge'])) return { longestEdge: edge(value.longestEdge, `${field}.longestEdge`) }
  if (hasKeys(value, ['cover'])) return { cover: size(value.cover, `${field}.cover`) }
  if (hasKeys(value, ['width', 'height'])) return size(value, field)
  return fail(field, '{ width, height }, { shortestEdge }, { longestEdge }, { cover: { width, height } } or null', value)
}

/** Three numbers, each accepted by `ok`. */
function triple(value: unknown, field: string, expected: string, ok: (n: number) => boolean): [number, number, number] {
  const fine = Array.isArray(value) && value.length === 3 && value.every((n) => typeof n === 'number' && ok(n))
  return fine ? [value[0], value[1], value[2]] : fail(field, expected, value)
}

const level = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= 255

const fields: { [F in Field]: (value: unknown, field: string) => Pipeline[F] } = {
  resize,
  resample: oneOf('nearest', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming'),
  resampling: oneOf('pillow', 'pillow11', 'torchvision'),
  alpha: oneOf('drop', 'white'),
  crop: (value, field) => (value === null ? null : size(value, field)),
  cropRounding: oneOf('floor', 'round'),
  pad: (value, field) => (level(value) ? value : triple(value, field, 'a level from 0 to 255, or three', level)),
  mean: (value, field) => triple(value, field, 'three finite numbers', Number.isFinite),
  std: (value, field) => triple(value, field, 'three positive numbers', (n) => Number.isFinite(n) && n > 0),
  rescaleFactor: (value, field) =>
    typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : fail(field, 'a positive number', value),
}

/** The filters that torchvision has for uint8 tensors and that vitrine computes as it does. */
const torchvisionFilters = ['bilinear', 'bicubic', 'lanczos']

/** The part of a pipeline that vitrine cannot do, by the names of `preprocess`; undefined where it can do everything. */
export function unsupportedPart(pipeline: Pick<Pipeline, 'resample' | 'resampling'>): string | undefined {
  if (pipeline.resampling !== 'torchvision' || torchvisionFilters.includes(pipeline.resample)) return undefined
  return `resample "${pipeline.resample}" with resampling "torchvision"`
}

/**
 * Checks a user's `preprocess` object and fills it up from `base`: ERR_OPTION_UNKNOWN (lists the fields there are), ERR_OPTION_INVALID,
 * ERR_PREPROCESS_UNSUPPORTED. A field of the checkpoint's files that vitrine cannot do stops mattering once the object says itself how
 * to resize, with both `resize` and `resample`.
 */
export function checkPipeline(value: unknown, base: Pipeline): Pipeline {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new VitrineError(
      'ERR_OPTION_INVALID',
      `preprocess: expected an object with some of ${Object.keys(fields).join(', ')}; found ${Array.isArray(value) ? 'an array' : String(value)}`,
    )
  }
  const given: Partial<Pipeline> = {}
  for (const [key, entry] of Object.entries(value)) {
    if (entry === undefined || key === 'unsupported') continue
    if (!Object.hasOwn(fields, key)) {
      throw new VitrineError('ERR_OPTION_UNKNOWN', `preprocess: unknown field ${key}; there are ${Object.keys(fields).join(', ')}`)
    }
    Object.assign(given, { [key]: fields[key as Field](entry, key) })
  }
  const pipeline: Pipeline = { ...base, ...given }
  if (given.resize !== undefined && given.resample !== undefined) delete pipeline.unsupported
  const part = unsupportedPart(pipeline)
  if (part) throw new VitrineError('ERR_PREPROCESS_UNSUPPORTED', `preprocess: ${part} is not supported`)
  return pipeline
}
