// What computes: vitrine's own engine, or sessions of ONNX Runtime (onnx/sessions.ts). Before it: call.ts, which asks it to get ready for a
// call; after it: encode.ts, which runs one image after another, and native.ts.
import type { NativeDType, NativeJob, NativeModel, NativePicture, NativePixels, NativeTimings, PackedCacheState } from './native'
import type { MergeSchedule, Output } from './spec'

/** Pictures are decoded, cropped and normalised behind this line; pixel values are normalised already. */
export type InputKind = NativePicture['kind'] | NativePixels['kind']
/** Precision of the weights. */
export type DType = 'fp32' | 'fp16' | 'bf16' | 'int8'

/** What `model.info` says about where and how a model runs. */
export interface EngineInfo {
  /** What really computes: 'cpu', 'ort-cpu', 'cuda:0', …. */
  device: string
  /** Why it is not what `device: 'auto'` could have given. */
  deviceNote?: string
  /** ONNX Runtime's execution provider, proven by a run where it is not the CPU's; absent on vitrine's own engine. */
  provider?: string
  /** The library behind it. */
  onnxruntime?: { version: string; path: string }
  dtype: DType
  isa: string
  threads: number
  weightBytes: number
  /** Of vitrine's own engine: what the load had of the packed cache (docs/packed-cache.md), and why not where it could not use it. */
  packedCache?: PackedCacheState
  packedCacheNote?: string
}

/** Computes the outputs that it was prepared for. */
export interface Runner {
  /** `sinks` and `row` as NativeModel.run has them; `burst`: images, this one included, that the caller is about to hand over. */
  run(image: NativePicture | NativePixels, sinks: Float32Array[], row: number, burst: number): NativeJob<NativeTimings>
  /** To be called when the call has ended. */
  done(): void
}

export interface Engine {
  readonly info: EngineInfo
  /** Images decoded or waiting at most. */
  readonly inFlight: number
  /** What a call needs: at once, or after a session was built for it. ERR_OPTION_INVALID where it cannot merge tokens. */
  prepare(kind: InputKind, outputs: Output[], merging?: MergeSchedule): Runner | Promise<Runner>
  /** Resolves when everything is let go; nothing may be running. Idempotent. */
  close(): Promise<void>
}

/** Images of one model that are decoded or waiting at most, per thread. */
export const IN_FLIGHT_PER_THREAD = 4

/** The engine of native/engine. */
export function nativeEngine(model: NativeModel, dtype: NativeDType, note: string | undefined): Engine {
  const { isa, threads, weightBytes, packedCache, packedCacheNote } = model
  return {
    info: {
      device: 'cpu',
      ...(note !== undefined && { deviceNote: note }),
      ...{ dtype, isa, threads, weightBytes, packedCache },
      ...(packedCacheNote !== undefined && { packedCacheNote }),
    },
    inFlight: IN_FLIGHT_PER_THREAD * threads,
    prepare: (_, outputs, merging) => ({ run: (image, sinks, row) => model.run(image, outputs, sinks, row, merging), done: () => {} }),
    close: async () => model.close(),
  }
}
