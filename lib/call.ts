// One call on images, from captured images to tensors. Before it: model.ts; after it: batch.ts, then encode.ts per image.
import { isImageError, runBatch, type Step } from './batch'
import { Cancellation } from './cancel'
import type { Checkpoint } from './checkpoint/open'
import { type FeaturesTrace, traceCall } from './diagnostics'
import { cropImage, encodeImage } from './encode'
import type { Engine, InputKind, Runner } from './engine'
import { VitrineError } from './errors'
import type { Gate } from './gate'
import { type CapturedImage, ownPixels } from './image/input'
import type { ImageSize } from './options'
import type { PlannedOutput } from './plan'
import { type Run, runOf } from './size'
import { type FeatureTensor, type PixelTensor, Tensor } from './tensor'
import { mergeSchedule, type TokenMerging } from './token-merging'

/** A loaded checkpoint, and what its calls share. */
export interface Encoder {
  checkpoint: Checkpoint
  engine: Engine
  gate: Gate
  /** Work that has begun and not ended, for close() to wait for. */
  active: Set<Promise<unknown>>
}

/** The checked options that a call reads here. */
export interface CallChoice {
  imageSize?: ImageSize | undefined
  tokenMerging?: TokenMerging | undefined
  exif: boolean
  maxPixels: number
  errors?: 'throw' | 'collect' | undefined
  signal?: AbortSignal | undefined
  timeoutMs?: number | undefined
}

/** Encodes the images; one tensor per planned output. A `cancellation` given is the caller's to end and to watch. */
export async function encode(
  encoder: Encoder,
  call: FeaturesTrace['call'],
  images: CapturedImage[],
  choice: CallChoice,
  plan: (run: Run) => PlannedOutput[],
  cancellation?: Cancellation,
): Promise<FeatureTensor[]> {
  const run = { ...runOf(encoder.checkpoint, images, choice.imageSize), exif: choice.exif, maxPixels: choice.maxPixels }
  const planned = plan(run)
  const merging = mergeSchedule(encoder.checkpoint, choice)
  const outputs = planned.map(({ output }) => output)
  const sinks = planned.map(({ dims }) => allocate((length) => new Float32Array(length), images.length, dims))
  const kind: InputKind = images[0]?.kind === 'pixels' ? 'pixels' : 'picture'
  const work = (runner: Runner): Work => ({
    each: (row, step, trace) => {
      const burst = Math.min(images.length - row, encoder.gate.limit)
      return encodeImage(runner, images[row]!, run, sinks, row, burst, step, trace)
    },
    done: () => runner.done(),
  })
  const begin = () => {
    const runner = encoder.engine.prepare(kind, outputs, merging)
    return runner instanceof Promise ? runner.then(work) : work(runner)
  }
  const errors = await perform(encoder, call, images, choice, begin, cancellation)
  return planned.map(({ dims }, i) => {
    const sink = sinks[i]!
    const tensor = new Tensor('float32', [images.length, ...dims], sink, choice.errors === 'collect' ? errors : undefined)
    for (const [row, error] of errors.entries()) if (error) tensor.row(row).fill(Number.NaN)
    return tensor
  })
}

/** The crops that the encoder would see, uint8 [B, H, W, 3]. */
export async function crop(encoder: Encoder, images: CapturedImage[], choice: CallChoice): Promise<PixelTensor> {
  if (images.some((image) => image.kind === 'pixels')) {
    throw new VitrineError('ERR_IMAGE_UNSUPPORTED', 'preprocess(): expected pictures, found pixel values, which are preprocessed already')
  }
  const run = { ...runOf(encoder.checkpoint, images, choice.imageSize), exif: choice.exif, maxPixels: choice.maxPixels }
  const dims = [run.size.height, run.size.width, 3]
  const sink = allocate((length) => new Uint8Array(length), images.length, dims)
  const work: Work = { each: (row, step, trace) => cropImage(images[row]!, run, sink, row, step, trace), done: () => {} }
  const errors = await perform(encoder, 'preprocess', images, choice, () => work)
  return new Tensor('uint8', [images.length, ...dims], sink, choice.errors === 'collect' ? errors : undefined)
}

interface Work {
  each(row: number, step: Step, trace: FeaturesTrace): Promise<void>
  /** When all have ended. */
  done(): void
}

async function perform(
  encoder: Encoder,
  call: FeaturesTrace['call'],
  images: CapturedImage[],
  choice: CallChoice,
  begin: () => Work | Promise<Work>,
  shared?: Cancellation,
): Promise<(VitrineError | null)[]> {
  const trace: FeaturesTrace = {
    call,
    model: encoder.checkpoint.file,
    images: images.length,
    failed: 0,
    decodeMs: 0,
    queueMs: 0,
    forwardMs: 0,
  }
  const cancellation = shared ?? new Cancellation(choice, `${call}()`)
  const options = { count: images.length, gate: encoder.gate, cancellation, collect: choice.errors === 'collect' }
  const batch = async () => {
    try {
      // A session that is being built for the call is not ended with it: others may wait for it, and the next call will want it.
      const begun = begin()
      const work = begun instanceof Promise ? await unlessCancelled(begun, cancellation) : begun
      const errors = await runBatch(options, (row, step) => work.each(row, step, trace)).finally(() => work.done())
      trace.failed = errors.filter((error) => error !== null).length
      return errors
    } catch (error) {
      if (isImageError(error)) trace.failed = 1
      throw error
    }
  }
  return traceCall(trace, () => {
    const running = batch()
    // What waits for room: the caller may change its values as soon as this returns.
    for (const image of images) ownPixels(image)
    encoder.active.add(running)
    const ended = () => {
      encoder.active.delete(running)
      if (!shared) cancellation.dispose()
    }
    running.then(ended, ended)
    // A cancelled call rejects at once, while its running blocks end behind it.
    return shared ? running : Promise.race([running, cancellation.cancelled])
  })
}

function unlessCancelled(begun: Promise<Work>, cancellation: Cancellation): Promise<Work> {
  return cancellation.unless(begun).catch((error) => {
    begun.then(({ done }) => done()).catch(() => {})
    throw error
  })
}

function allocate<T>(make: (length: number) => T, rows: number, dims: number[]): T {
  const length = dims.reduce((product, n) => product * n, rows)
  try {
    return make(length)
  } catch (cause) {
    throw new VitrineError('ERR_OUT_OF_MEMORY', `cannot allocate a result [${[rows, ...dims]}], ${length} values`, { cause })
  }
}
