// One image: decode, then crop and encode in the engine. Before it: batch.ts; after it: image/decode.ts, image/pipeline.ts and native.ts,
// which it calls in this order.
import type { Step } from './batch'
import type { FeaturesTrace } from './diagnostics'
import type { Runner } from './engine'
import { giveBack } from './image/copies'
import { decode } from './image/decode'
import { type CapturedImage, ownPixels } from './image/input'
import { geometry } from './image/pipeline'
import { fromNative, type NativeJob, type NativePicture, type NativePixels, type NativeTimings, native } from './native'
import { checkCrop, type Run } from './size'

export interface DecodeChoice {
  exif: boolean
  maxPixels: number
}

/**
 * Writes what the runner computes of the image into row `row` of `sinks`. Returns early, with nothing written, when the step is cancelled.
 * `burst`: images of pixel values, this one included, that come in the same turn of the event loop.
 */
export async function encodeImage(
  runner: Runner,
  image: CapturedImage,
  run: Run & DecodeChoice,
  sinks: Float32Array[],
  row: number,
  burst: number,
  step: Step,
  trace: FeaturesTrace,
): Promise<void> {
  ownPixels(image)
  const pixels = image.kind === 'pixels'
  const input = pixels ? asPixels(image) : await picture(image, run, step, trace)
  if (step.cancelled) return
  await settle(runner.run(input, sinks, row, pixels ? burst : 1), step, trace)
  letGo(image, input)
}

/** Writes the uint8 crop that the encoder would see into row `row` of `sink`. */
export async function cropImage(
  image: CapturedImage,
  run: Run & DecodeChoice,
  sink: Uint8Array,
  row: number,
  step: Step,
  trace: FeaturesTrace,
): Promise<void> {
  const input = await picture(image, run, step, trace)
  if (step.cancelled) return
  await settle(native().crop(input, sink, row), step, trace)
  letGo(image, input)
}

/**
 * The image is computed: nobody reads what was captured as a copy or decoded any more. A decoded picture would wait for the garbage collector
 * with megabytes that the next one needs: memory fresh from the system costs a quarter of the decoding of a JPEG.
 */
function letGo(image: CapturedImage, { data }: NativePicture | NativePixels): void {
  if (image.kind === 'pixels' || image.kind === 'raw') giveBack(image.data)
  else if (data.byteLength === data.buffer.byteLength) native().detach(data as Uint8Array)
}

const asPixels = (image: CapturedImage & { kind: 'pixels' }): NativePixels => ({
  kind: 'pixels',
  data: image.data,
  width: image.width,
  height: image.height,
})

/** Decoded and upright, with what to do to it. `data` is ours alone, so the engine pins it without a copy. */
async function picture(image: CapturedImage, run: Run & DecodeChoice, step: Step, trace: FeaturesTrace): Promise<NativePicture> {
  if (image.kind === 'bad') throw image.error
  if (image.kind === 'pixels') throw new TypeError('pixel values are not decoded')
  const start = performance.now()
  const download = new AbortController()
  const keep = step.onCancel(() => download.abort())
  try {
    const { exif, maxPixels, pipeline } = run
    const decoded = await decode(image, { exif, maxPixels, alpha: pipeline.alpha, signal: download.signal })
    if (image.kind === 'bytes' && image.bytes instanceof Uint8Array) giveBack(image.bytes)
    const steps = geometry(pipeline, decoded.width, decoded.height, image.name)
    checkCrop(image.name, run, steps)
    return { kind: 'picture', ...decoded, geometry: steps }
  } finally {
    keep()
    trace.decodeMs += performance.now() - start
  }
}

async function settle(job: NativeJob<NativeTimings>, step: Step, trace: FeaturesTrace): Promise<void> {
  const keep = step.onCancel(() => job.cancel())
  try {
    const { queueMs, forwardMs } = await job.promise
    trace.queueMs += queueMs
    trace.forwardMs += forwardMs
  } catch (error) {
    throw fromNative(error)
  } finally {
    keep()
  }
}
