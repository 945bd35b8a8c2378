// The typed door to the addon: every native call goes through here. Before it: image/pipeline.ts; after it: native/addon.cc.
// The addon is opened on first use, never at import.
import { VitrineError } from './errors'
import type { Size } from './families/family'
import { openAddon } from './platform'
import type { EncoderSpec, FileStamp, MergeSchedule, Output, PoolTerm, PositionResize, Tensor } from './spec'

/** What to do with one decoded picture; image/pipeline.ts computes it, native/engine/picture.cc does it. */
export interface Geometry {
  /** Size after the resize, whole picture; equal to the picture's own where there is no resize. */
  resizeWidth: number
  resizeHeight: number
  filter: 'nearest' | 'bilinear' | 'bicubic' | 'lanczos' | 'box' | 'hamming'
  /** Whose fixed-point coefficients: Pillow's 22 bits, or torchvision's 16-bit ones. */
  coefficients: 'pillow' | 'torchvision'
  /** Pillow 13 resizes some portraits vertically first. */
  verticalFirst: boolean
  /** The crop in coordinates of the resized picture; parts outside it are `pad`. */
  cropLeft: number
  cropTop: number
  cropWidth: number
  cropHeight: number
  pad: [number, number, number]
}

/**
 * What the bytes of a decoded picture are, per pixel. native/engine/pixels.cc makes RGB of them, by Pillow's formulas, as it reads rows:
 * 1 byte grey; 3 RGB; 4 RGBA with alpha ignored, RGBA composited over white, or CMYK as libvips gives it.
 */
export type PixelLayout = 'grey' | 'rgb' | 'rgba' | 'rgba-over-white' | 'cmyk'

/** Decoded upright pixels, row by row without gaps. `data` is pinned, not copied: nobody else may hold it. */
export interface NativePicture {
  kind: 'picture'
  data: Uint8Array
  layout: PixelLayout
  width: number
  height: number
  geometry: Geometry
}
/** One image of already normalised pixel values [3, height, width]; pinned, not copied. */
export interface NativePixels {
  kind: 'pixels'
  data: Float32Array
  width: number
  height: number
}

/** Milliseconds that one image spent waiting and computing. */
export interface NativeTimings {
  queueMs: number
  forwardMs: number
}

export interface NativeJob<T> {
  promise: Promise<T>
  /** Queued work ends at once, running work within one block; the promise then rejects with code ERR_ABORTED. */
  cancel(): void
}

/**
 * What a load had of the packed cache: 'off' not asked for, 'hit' its weights, 'miss' nothing and an entry is being written, 'rebuilt' the
 * same because the one there was damaged or of other files, 'unwritable' nothing and none can be written, 'shared' not needed because the
 * process had the weights.
 */
export type PackedCacheState = 'off' | 'hit' | 'miss' | 'rebuilt' | 'unwritable' | 'shared'

export interface NativeModel {
  readonly isa: string
  readonly packedCache: PackedCacheState
  /** Why it was rebuilt or cannot be written. */
  readonly packedCacheNote?: string
  readonly threads: number
  /** Bytes of packed weights, shared with every other load of the same file in this process. */
  readonly weightBytes: number
  /**
   * One image through the encoder. `sinks[i]` receives output i at element offset `row · length`, where `length` is that output's size
   * for one image; the sinks belong to the caller, who shows them to nobody before the promise settles. With `merging`, outputs read the
   * tokens that are left.
   */
  run(
    image: NativePicture | NativePixels,
    outputs: Output[],
    sinks: Float32Array[],
    row: number,
    merging?: MergeSchedule,
  ): NativeJob<NativeTimings>
  /** Idempotent; running jobs keep what they need and settle normally. */
  close(): void
}

export interface NativeLoadJob extends NativeJob<NativeModel> {
  progress(): { loaded: number; total: number }
}

/** An ONNX Runtime library, opened once per process and never closed. */
export interface OnnxLibrary {
  path: string
  version: string
  /** What the library was built with: 'CPUExecutionProvider', 'CUDAExecutionProvider', … */
  providers: string[]
}

/** Others are named as ONNX names them, in lower case; sessions compute with these. */
export type OnnxType = 'float32' | 'float16' | 'bfloat16' | 'uint8' | 'int64' | (string & {})

export interface OnnxPort {
  name: string
  type: OnnxType
  /** A string is a dimension that may take any size, '' where the file gives it no name. */
  dims: (number | string)[]
}

/** A weight that the model marks as external: read from the checkpoint's files, converted, and where asked transposed from [out, in]. */
export interface OnnxWeight {
  name: string
  /** Of the result: [in, out] where `transpose`. */
  dims: number[]
  tensor: Tensor
  transpose: boolean
  type: 'float32' | 'float16' | 'bfloat16'
}

export interface OnnxModelSource {
  /** Sessions of one key are one session in the whole process, counted: the key names everything that makes two differ. */
  key: string
  /** Absolute path of ONNX Runtime. */
  library: string
  /** A file, beside which ONNX Runtime finds external data, or the bytes of a ModelProto, which are copied. */
  model: string | Uint8Array
  /** What `TensorPart.file` of the weights and of the position table means. */
  files?: string[]
  stamps?: FileStamp[]
  weights?: OnnxWeight[]
  /** Graph input `input` [1, prefixRows + grid, dim]: the table, resized natively for each grid, which is kept. */
  position?: {
    input: string
    table: Tensor
    dim: number
    prefixRows: number
    gridHeight: number
    gridWidth: number
    resize: PositionResize
    patchHeight: number
    patchWidth: number
  }
  provider: { name: string; options: Record<string, string> }
  /** Of the CPU provider, inside one operator. */
  threads: number
  /** Name of the picture input: uint8 [B, H, W, 3], or float32, float16 or bfloat16 [B, 3, H, W]. */
  input: string
  /** Most images of one run; a graph with a fixed batch takes exactly that many, padded. */
  batch: number
  graphCapture: boolean
}

export interface OnnxOutput {
  /** Name of a graph output [B, …], widened to float32. */
  port: string
  /** Rows of a port [B, T, D], concatenated; `afterNorm` is not looked at. Absent: all of it. */
  terms?: PoolTerm[]
  /** Unit length of each token of a lone run of rows, else of the whole. */
  normalize: boolean
}

/** A crop for a float input becomes (value · rescale − mean) / std. */
export interface OnnxNormalise {
  mean: [number, number, number]
  std: [number, number, number]
  rescale: number
}

export interface NativeOnnxModel {
  readonly inputs: OnnxPort[]
  readonly outputs: OnnxPort[]
  /** Of weights that were handed over; 0 for a file. */
  readonly weightBytes: number
  /** Images of one run at most: `batch`, or what the graph fixes. */
  readonly batch: number
  /**
   * One image. A picture is cropped on the pool, then waits with its like (same height and width) for the session's own thread, which runs
   * up to `batch` at once. `burst` is how many images the caller is about to submit in this turn of the event loop: the thread waits for
   * them, at most 5 ms, before it runs a smaller batch. Sinks as in {@link NativeModel.run}. Throws where image and graph do not fit.
   */
  run(
    image: NativePicture | NativePixels,
    outputs: OnnxOutput[],
    sinks: Float32Array[],
    row: number,
    options: { burst: number; normalise: OnnxNormalise },
  ): NativeJob<NativeTimings>
  /** Idempotent; running jobs keep what they need and settle normally. */
  close(): void
}

/** What the weights of the blocks are stored and multiplied as. */
export type NativeDType = 'fp32' | 'bf16' | 'int8'

export interface NativeRuntime {
  isa: string
  /** Every instruction set compiled in, weakest first. `fault`: it is there but failed its self-test, and so is not supported. */
  isas: { name: string; supported: boolean; fault?: string }[]
  /** Whether products of bf16 are the CPU's own; else bf16 weights are widened and multiplied in fp32. */
  bf16: boolean
  /** Threads of the pool by default: affinity, cgroup quota and VITRINE_THREADS considered. */
  threads: number
  version: string
}

/** Live counts for tests and diagnostics; process-wide. */
export interface NativeCounters {
  /** Decoded pictures pinned by jobs that wait or run, now and at most since the last reset. */
  pictures: number
  picturesPeak: number
  /** Encoder blocks being computed now, and ever begun. */
  blocksRunning: number
  blocksBegun: number
  models: number
  weightBytes: number
  /** Everything that the addon holds in pages of its own: weights, activations, crops, coefficients, position grids. */
  pagesBytes: number
  /** Everything that it keeps for the jobs of images, in use or not. */
  recycledBytes: number
  environments: number
  poolThreads: number
  /** Entries of the packed cache being written now, and ever written or given up. An entry keeps its weights while it is written. */
  cacheWriting: number
  cacheWritten: number
  cacheFailed: number
  /** ONNX Runtime sessions that exist, runs begun by them, and images in those runs. */
  onnxSessions: number
  onnxRuns: number
  onnxImages: number
  /** Runs going on now. */
  onnxRunning: number
}

/** Time and arithmetic of one stage of the encoder (native/engine/profile.h), since the last reading. */
export interface NativeStage {
  name: string
  /** Of all threads together. */
  milliseconds: number
  /** Multiplications and additions of its products; 0 where it has none. */
  operations: number
}

export interface NativeAddon {
  runtime(): NativeRuntime
  /** `packedCache.folder` is absolute; without it there is no cache. */
  loadModel(
    spec: EncoderSpec,
    options: { threads: number; dtype?: NativeDType; packedCache?: { folder: string; limitBytes: number } },
  ): NativeLoadJob
  /** The uint8 crop [cropHeight, cropWidth, 3] that the encoder would see, written to sink at offset row · length. */
  crop(picture: NativePicture, sink: Uint8Array, row: number): NativeJob<NativeTimings>
  /** Lets go of the memory behind the bytes now; their buffer is empty afterwards. */
  detach(bytes: Uint8Array): void
  /** The table [stored patches, dim] resized to another grid by the family's rule, written to sink [wanted patches, dim]. */
  resizePositions(table: Float32Array, stored: Size, wanted: Size, dim: number, resize: PositionResize, sink: Float32Array): NativeJob<void>
  /** ERR_DEVICE_UNAVAILABLE with what is wrong with the file. */
  openOnnxLibrary(path: string): NativeJob<OnnxLibrary>
  /** `cancel()` rejects at once with ERR_ABORTED; what was begun is let go when it ends. */
  loadOnnxModel(source: OnnxModelSource): NativeJob<NativeOnnxModel>
  counters(options?: { reset: boolean }): NativeCounters
  /** What the stages took since the last reading, in order; from now on they are counted, or not. Process-wide. */
  profile(on: boolean): NativeStage[]
  /** 10⁹ operations per second that one thread's products reach at best, by what the weights are; takes some 60 ms on this thread. */
  peak(): Record<NativeDType, number>
}

let addon: NativeAddon | undefined

/** The addon, opened now if it was not yet. Throws ERR_PLATFORM with advice where there is no binary. */
export function native(): NativeAddon {
  addon ??= openAddon() as NativeAddon
  return addon
}

/** Whether the addon was opened. */
export const isNativeOpen = (): boolean => addon !== undefined

/** An error that the addon made ({ code, message }) as a VitrineError with the stack of the caller. */
export function fromNative(error: unknown): unknown {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('ERR_')) {
    return new VitrineError(error.code as VitrineError['code'], error.message, { cause: error })
  }
  return error
}
