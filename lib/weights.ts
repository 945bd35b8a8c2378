// The weights of a spec into the engine, with progress. Before it: device.ts; after it: native.ts.
import type { Cancellation } from './cancel'
import { warnOfFaults } from './faults'
import { fromNative, type NativeDType, type NativeModel, native } from './native'
import type { LoadProgress } from './options'
import { packedCacheFolder } from './packed-cache'
import type { EncoderSpec } from './spec'

const PROGRESS_MS = 50

/** From the packed cache, where `packedCache` wants it and it has them, else read and packed. Rejects with the engine's error; a cancel ends the work. */
export async function loadWeights(
  spec: EncoderSpec,
  dtype: NativeDType,
  threads: number | undefined,
  packedCache: boolean,
  progress: (event: LoadProgress) => void,
  cancellation: Cancellation,
): Promise<NativeModel> {
  try {
    const runtime = native().runtime()
    warnOfFaults(runtime)
    const cache = packedCacheFolder(packedCache)
    const job = native().loadModel(spec, { threads: threads ?? runtime.threads, dtype, ...(cache && { packedCache: cache }) })
    const keep = cancellation.onCancel(() => job.cancel())
    const timer = setInterval(() => progress({ stage: 'weights', ...job.progress() }), PROGRESS_MS)
    try {
      return await job.promise
    } finally {
      clearInterval(timer)
      keep()
    }
  } catch (error) {
    throw fromNative(error)
  }
}
