// What a tracer sees: node:diagnostics_channel tracing channels `vitrine:load` and `vitrine:features`. Before it: model.ts; after it:
// whoever subscribed. Every call on images is one trace; of a stream, every image.
import { tracingChannel } from 'node:diagnostics_channel'
import type { PackedCacheState } from './native'

/** Context of `vitrine:load`, filled in as the load proceeds. */
export interface LoadTrace {
  source: string
  file?: string
  family?: string
  /** Reading headers and configs. */
  openMs?: number
  /** Reading and packing the weights. */
  weightsMs?: number
  weightBytes?: number
  /** As `model.info` has them. */
  packedCache?: PackedCacheState
  packedCacheNote?: string
}

/** Context of `vitrine:features`. Milliseconds are sums over the images, which overlap: their total may exceed the wall time. */
export interface FeaturesTrace {
  call: 'features' | 'stream' | 'classify' | 'attention' | 'preprocess'
  /** The weight file. */
  model: string
  images: number
  /** Images that failed; with `errors: 'throw'` at most 1. */
  failed: number
  decodeMs: number
  /** Waiting for the engine. */
  queueMs: number
  forwardMs: number
}

const loads = tracingChannel<unknown, LoadTrace>('vitrine:load')
const calls = tracingChannel<unknown, FeaturesTrace>('vitrine:features')

export function traceLoad<T>(trace: LoadTrace, work: () => Promise<T>): Promise<T> {
  return loads.tracePromise(work, trace)
}

export function traceCall<T>(trace: FeaturesTrace, work: () => Promise<T>): Promise<T> {
  return calls.tracePromise(work, trace)
}
