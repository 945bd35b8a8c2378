// Every option of every call: type, range, default, help. The table is read by options-check.ts (the API's validation), by the CLI (flags
// and --help) and by the tests; the interfaces below say the same to the compiler, and test/types holds the two together.
import type { DeviceOptions } from './device-option'
import { DEFAULT_MAX_PIXELS } from './image/decode'
import type { Pipeline } from './image/pipeline'
import { type PoolName, poolNames } from './pooling'
import type { TokenMerging } from './token-merging'

export type OptionType =
  | { kind: 'choice'; values: readonly string[] }
  | { kind: 'choices'; values: readonly string[] }
  | { kind: 'integer' | 'number'; min: number; max: number }
  | { kind: 'integers' }
  | { kind: 'by-block'; max: number }
  | { kind: 'size'; max: number }
  | { kind: 'device' | 'string' | 'boolean' | 'object' | 'function' | 'signal' }

export type CallName = 'load' | 'features' | 'stream' | 'classify' | 'attention' | 'preprocess' | 'export'

export interface OptionRow {
  type: OptionType
  calls: readonly CallName[]
  help: string
  /** Filled in where the option is absent. */
  default?: string | number | boolean
  /** What happens without it, where that is not one value. */
  otherwise?: string
  /** Not a flag of the command line. */
  apiOnly?: true
}

const everyImageCall = ['features', 'stream', 'classify', 'attention', 'preprocess'] as const
const awaited = ['features', 'classify', 'attention', 'preprocess'] as const

export const options = {
  device: {
    type: { kind: 'device' },
    calls: ['load'],
    default: 'auto',
    help: "where to compute: 'auto', 'cpu', 'ort-cpu', 'cuda', 'cuda:1', another provider of ONNX Runtime, or { name, … }",
  },
  dtype: {
    type: { kind: 'choice', values: ['fp32', 'fp16', 'bf16', 'int8', 'auto'] },
    calls: ['load', 'export'],
    default: 'fp32',
    help: "precision: 'fp32', 'bf16', 'int8' (the CPU alone), 'fp16' (devices of ONNX Runtime); 'auto': fp16 on a GPU, bf16 on a CPU that multiplies it, else fp32",
  },
  threads: {
    type: { kind: 'integer', min: 1, max: 1024 },
    calls: ['load'],
    otherwise: 'the CPUs that affinity and the container leave, or VITRINE_THREADS',
    help: 'threads to compute with',
  },
  heads: {
    type: { kind: 'integer', min: 1, max: 1024 },
    calls: ['load', 'export'],
    otherwise: 'as the config says',
    help: 'attention heads, where no config says so',
  },
  file: {
    type: { kind: 'string' },
    calls: ['load', 'export'],
    otherwise: 'model.safetensors and its kin, by rank',
    help: 'which weight file of the folder',
  },
  preprocess: {
    type: { kind: 'object' },
    calls: ['load', 'export'],
    otherwise: "as the checkpoint's files say",
    help: 'fields of the preprocessing to replace',
  },
  imageSize: {
    type: { kind: 'size', max: 16384 },
    calls: ['load', 'export', ...everyImageCall],
    otherwise: "the preprocessing's crop",
    help: 'size to run at, in pixels: one side, or height and width',
  },
  packedCache: {
    type: { kind: 'boolean' },
    calls: ['load'],
    default: true,
    help: "keep packed weights in the user's cache folder, from which the next start is faster",
  },
  progress: {
    type: { kind: 'function' },
    calls: ['load', 'export'],
    otherwise: 'none',
    help: 'called with { stage, loaded, total } in bytes while loading',
    apiOnly: true,
  },
  pool: {
    type: { kind: 'choices', values: poolNames },
    calls: ['features', 'stream'],
    otherwise: "'cls'; without a CLS token 'pooled', else 'mean'",
    help: 'what to take of the tokens; several give one result each',
  },
  normalize: {
    type: { kind: 'boolean' },
    calls: ['features', 'stream'],
    default: false,
    help: 'scale every vector to unit length',
  },
  layers: {
    type: { kind: 'integers' },
    calls: ['features', 'stream'],
    otherwise: 'the last alone',
    help: 'blocks to read, 1 the first, -1 the last; one result each',
  },
  tokenMerging: {
    type: { kind: 'by-block', max: 1_048_576 },
    calls: ['features', 'stream', 'classify'],
    otherwise: 'none',
    help: 'similar tokens to merge in each block (ToMe), or a number by block: faster, and no longer the same result',
  },
  topK: {
    type: { kind: 'integer', min: 1, max: 1_000_000 },
    calls: ['classify'],
    default: 5,
    help: 'classes to give per image',
  },
  exif: {
    type: { kind: 'boolean' },
    calls: everyImageCall,
    default: true,
    help: 'turn pictures as their EXIF orientation says',
  },
  maxPixels: {
    type: { kind: 'integer', min: 1, max: 2 ** 40 },
    calls: everyImageCall,
    default: DEFAULT_MAX_PIXELS,
    help: 'refuse larger pictures before decoding them',
  },
  errors: {
    type: { kind: 'choice', values: ['throw', 'collect'] },
    calls: ['features', 'attention', 'preprocess'],
    default: 'throw',
    help: "a bad image: 'throw' rejects, 'collect' keeps the others",
    apiOnly: true,
  },
  inFlight: {
    type: { kind: 'integer', min: 1, max: 65_536 },
    calls: ['stream'],
    otherwise: '4 × threads, on a GPU at least two batches',
    help: 'images decoded or waiting at most',
  },
  outputs: {
    type: { kind: 'choices', values: poolNames },
    calls: ['export'],
    otherwise: 'every pool that the checkpoint has',
    help: 'pools that the graph gives',
  },
  fused: {
    type: { kind: 'boolean' },
    calls: ['export'],
    default: false,
    help: "write ONNX Runtime's own operators, for its CUDA provider: other runtimes do not know them",
  },
  external: {
    type: { kind: 'boolean' },
    calls: ['export'],
    default: false,
    help: 'put the weights into a file beside the model, as above 2 GB in any case',
  },
  force: {
    type: { kind: 'boolean' },
    calls: ['export'],
    default: false,
    help: 'replace files that are there',
  },
  signal: {
    type: { kind: 'signal' },
    calls: ['load', 'export', ...everyImageCall],
    otherwise: 'none',
    help: 'an AbortSignal',
    apiOnly: true,
  },
  timeoutMs: {
    type: { kind: 'number', min: 1, max: 2 ** 31 - 1 },
    calls: awaited,
    otherwise: 'none',
    help: 'milliseconds until the call rejects with ERR_TIMEOUT',
    apiOnly: true,
  },
} satisfies Record<string, OptionRow>

export type OptionName = keyof typeof options
export const optionRows: Record<string, OptionRow> = options

/** The options that a call takes, in table order. */
export function optionsOf(call: CallName): OptionName[] {
  return (Object.keys(options) as OptionName[]).filter((name) => optionRows[name]!.calls.includes(call))
}

export interface LoadProgress {
  /** `open` while headers and configs are read, `weights` while they are read and packed, `ready` once, at the end. */
  stage: 'open' | 'weights' | 'ready'
  /** Bytes of weights done. */
  loaded: number
  total: number
}

/** Pixels; a number is the side of a square. Both sides must be multiples of the patch. */
export type ImageSize = number | { height: number; width: number }

export interface LoadOptions {
  /**
   * Default `'auto'`: an NVIDIA GPU where one can be used, else the CPU; `model.info` says which, and why. `'cpu'` is vitrine's own engine
   * (of an .onnx file ONNX Runtime's), `'ort-cpu'` ONNX Runtime on the CPU, `'cuda'`, `'cuda:1'` and every other name one of its execution
   * providers. A device that cannot run is ERR_DEVICE_UNAVAILABLE, never a silent fallback.
   */
  device?: 'auto' | 'cpu' | 'ort-cpu' | 'cuda' | (string & {}) | DeviceOptions | undefined
  /**
   * Default `'fp32'`. On the CPU `'bf16'` (about twice as fast where the CPU multiplies it; weights of half the size everywhere) and `'int8'`
   * (quantised at load, weights of a quarter; docs/numerics.md says what each costs in fidelity); `'fp16'` and `'bf16'` on devices of ONNX
   * Runtime. `'auto'` is fp16 on a GPU, bf16 on a CPU that multiplies it, else fp32. ERR_DTYPE_UNAVAILABLE where device and dtype do not go together.
   */
  dtype?: 'fp32' | 'fp16' | 'bf16' | 'int8' | 'auto' | undefined
  /** Threads to compute with, 1…1024. Default: the CPUs that affinity and the container's quota leave, or VITRINE_THREADS. */
  threads?: number | undefined
  /** Attention heads, where no config says how many. */
  heads?: number | undefined
  /** Which weight file of the folder. */
  file?: string | undefined
  /** Fields of the preprocessing to replace; see {@link Pipeline}. */
  preprocess?: Partial<Pipeline> | undefined
  /** Size that pictures run at. Default: the preprocessing's crop, else the config's image size. */
  imageSize?: ImageSize | undefined
  /**
   * Default true: the weights as the engine packs them are kept in the user's cache folder (VITRINE_PACKED_CACHE names another, or 'off'),
   * checked whenever they are read, written in the background. `model.info.packedCache` says what became of it; docs/packed-cache.md.
   */
  packedCache?: boolean | undefined
  progress?: ((event: LoadProgress) => void) | undefined
  /** Aborting rejects with `signal.reason` and frees what was loaded. */
  signal?: AbortSignal | undefined
}

/** What every call on images takes. */
export interface ImageOptions {
  /** Another size for this call; the position embedding is resized by the family's rule, once, then kept. */
  imageSize?: ImageSize | undefined
  /** Default true: pictures are turned upright as EXIF says. */
  exif?: boolean | undefined
  /** Width × height above which a picture is ERR_IMAGE_TOO_LARGE, from its header. Default 268402689, as sharp's. */
  maxPixels?: number | undefined
  /** Aborting ends queued work at once and running work within one block; the call rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
}

export interface Timeout {
  /** Milliseconds, after which the call rejects with ERR_TIMEOUT. */
  timeoutMs?: number | undefined
}

export interface Collect {
  /** `'throw'` (default) rejects with the first bad image; `'collect'` keeps the others and gives `errors` by row. */
  errors?: 'throw' | 'collect' | undefined
}

export interface MergingOptions {
  /**
   * Token merging (ToMe): in each block this many of the tokens become part of those that they resemble most, at most half of the patches;
   * or a number by block. Faster the more there are, and another result: docs/token-merging.md. Of vitrine's own engine alone. Means weigh
   * a token by its patches; `'tokens'` gives those that are left, in no order of place.
   */
  tokenMerging?: TokenMerging | undefined
}

/** What to take of the tokens. */
export interface PoolOptions {
  /** One pool, or several from one pass. Default `'cls'`; without a CLS token `'pooled'`, else `'mean'`. */
  pool?: PoolName | readonly PoolName[] | undefined
  /** Default false. True scales every vector to unit length. */
  normalize?: boolean | undefined
  /** Blocks to read, 1 the first, -1 the last; the final norm is applied. Gives one result per entry. */
  layers?: readonly number[] | undefined
}

export interface FeaturesOptions extends PoolOptions, MergingOptions, ImageOptions, Timeout, Collect {}
export interface StreamOptions extends PoolOptions, MergingOptions, ImageOptions {
  /** Images decoded or waiting at most, 1…65536. Default 4 × threads, on a GPU at least two batches. */
  inFlight?: number | undefined
}
export interface ClassifyOptions extends MergingOptions, ImageOptions, Timeout {
  /** Classes to give per image, best first. Default 5. */
  topK?: number | undefined
}
export interface AttentionOptions extends ImageOptions, Timeout, Collect {}
export interface PreprocessOptions extends ImageOptions, Timeout, Collect {}

export interface ExportOptions extends Pick<LoadOptions, 'heads' | 'file' | 'preprocess' | 'progress' | 'signal'> {
  /** Default `'fp32'`. `'fp16'` halves the file; inputs and outputs stay float32. */
  dtype?: 'fp32' | 'fp16' | (LoadOptions['dtype'] & {}) | undefined
  /** The size that the graph is for. Default: the preprocessing's crop, else the config's image size. */
  imageSize?: ImageSize | undefined
  /** Default: every pool that the checkpoint has. */
  outputs?: PoolName | readonly PoolName[] | undefined
  /** Default false. True writes operators of ONNX Runtime (com.microsoft) for its CUDA provider; on its CPU they are slower. */
  fused?: boolean | undefined
  /** Default false: one file, unless it would be larger than 2 GB. True puts the weights into `<file>_data`. */
  external?: boolean | undefined
  /** Default false: files that are there are ERR_OPTION_INVALID. */
  force?: boolean | undefined
}

export interface CallOptions {
  load: LoadOptions
  features: FeaturesOptions
  stream: StreamOptions
  classify: ClassifyOptions
  attention: AttentionOptions
  preprocess: PreprocessOptions
  export: ExportOptions
}
