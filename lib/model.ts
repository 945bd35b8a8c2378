// load() and Model: the first page. A call checks its options, captures its images and says what it wants of the engine; call.ts runs it.
// The walk starts here; the next stop is image/decode.ts.
import { isImageError } from './batch'
import { crop, type Encoder, encode } from './call'
import { Cancellation } from './cancel'
import { openAny } from './checkpoint/open'
import { type Classification, topClasses } from './classes'
import { openDevice } from './device'
import { type LoadTrace, traceLoad } from './diagnostics'
import { VitrineError } from './errors'
import { Gate } from './gate'
import { captureInput, type ImageInput } from './image/input'
import { type ModelInfo, modelInfo } from './info'
import type {
  AttentionOptions,
  CallName,
  ClassifyOptions,
  FeaturesOptions,
  LoadOptions,
  LoadProgress,
  PreprocessOptions,
  StreamOptions,
} from './options'
import { type Checked, checkOptions, withDeclared } from './options-check'
import { arrange, planAttention, planPools } from './plan'
import type { Features, StreamItem, StreamSource } from './results'
import { asSize, checkSize, pipelineAt, type Run } from './size'
import { locate } from './source'
import { inOrder, type Source } from './stream'
import { captureItem, checkSource } from './stream-source'
import type { FeatureTensor, PixelTensor } from './tensor'

/**
 * Opens a checkpoint: a folder or a weight file; without a source, the default checkpoint.
 *
 * Rejects with a VitrineError: ERR_CHECKPOINT_… , ERR_CONFIG_MISMATCH, ERR_TENSOR_… , ERR_HEADS_UNKNOWN, ERR_MODEL_NOT_INSTALLED,
 * ERR_DEVICE_UNAVAILABLE, ERR_DTYPE_UNAVAILABLE, ERR_OPTION_… , ERR_PLATFORM; or with `signal.reason` when aborted.
 */
export async function load(source?: string | URL, options?: LoadOptions): Promise<Model>
export async function load(options: LoadOptions): Promise<Model>
export async function load(first?: string | URL | LoadOptions, second?: LoadOptions): Promise<Model> {
  const optionsOnly = second === undefined && typeof first === 'object' && first !== null && !(first instanceof URL)
  const given = optionsOnly ? first : second
  const options = checkOptions('load', given)
  const source = locate(optionsOnly ? undefined : first)
  const cancellation = new Cancellation(options, 'load()')
  const trace: LoadTrace = { source }
  try {
    cancellation.throwIfCancelled()
    return await traceLoad(trace, () => Promise.race([open(source, given, options, cancellation, trace), cancellation.cancelled]))
  } finally {
    cancellation.dispose()
  }
}

async function open(
  source: string,
  given: LoadOptions | undefined,
  options: Checked<'load'>,
  cancellation: Cancellation,
  trace: LoadTrace,
): Promise<Model> {
  const progress = (event: LoadProgress) => {
    try {
      if (!cancellation.done) options.progress?.(event)
    } catch (error) {
      cancellation.cancel(error)
    }
  }
  progress({ stage: 'open', loaded: 0, total: 0 })
  const start = performance.now()
  const opened = await openAny(source, { file: options.file, heads: options.heads, preprocess: options.preprocess })
  const declared = withDeclared(given, opened.declared, opened.declaredName)
  opened.pipeline = pipelineAt(opened.pipeline, declared.imageSize)
  if (opened.kind === 'spec' && declared.imageSize !== undefined) checkSize(opened.shape, asSize(declared.imageSize), 'imageSize')
  Object.assign(trace, { file: opened.file, ...(opened.kind === 'spec' && { family: opened.family }), openMs: performance.now() - start })
  cancellation.throwIfCancelled()

  const packing = performance.now()
  const { device, dtype, threads, packedCache } = declared
  const { checkpoint, engine } = await openDevice(opened, { device, dtype, threads, packedCache }, progress, cancellation)
  const { weightBytes, packedCache: cached, packedCacheNote } = engine.info
  Object.assign(trace, { family: checkpoint.family, weightsMs: performance.now() - packing, weightBytes })
  if (cached) Object.assign(trace, { packedCache: cached, ...(packedCacheNote !== undefined && { packedCacheNote }) })
  progress({ stage: 'ready', loaded: weightBytes, total: weightBytes })
  try {
    cancellation.throwIfCancelled()
    if (declared.imageSize !== undefined) checkSize(checkpoint.shape, asSize(declared.imageSize), 'imageSize')
  } catch (error) {
    void engine.close()
    throw error
  }
  return new Model({ checkpoint, engine, gate: new Gate(engine.inFlight), active: new Set() })
}

/** A loaded checkpoint. Every method may be called any number of times at once; each works off the JavaScript thread. */
export class Model {
  /** What was opened and how it runs. */
  readonly info: ModelInfo
  readonly #encoder: Encoder
  #closing: Promise<void> | undefined

  /** @internal Models come from {@link load}. */
  constructor(encoder: Encoder) {
    this.#encoder = encoder
    this.info = modelInfo(encoder.checkpoint, encoder.engine.info)
  }

  /**
   * Features of one image or of an array: float32 `[B, …]`, for the default pool `[B, D]`. An image is a path, a URL, encoded bytes, a
   * Blob, raw pixels `{ data, width, height, channels }` (0…255), or all are pixel values `{ type: 'float32', dims: [B, 3, H, W], data }`,
   * already normalised; NaN in them passes through. Buffers are copied when the call is made and may be changed afterwards.
   *
   * Rejects with the first bad image (ERR_IMAGE_… , named by index and source), unless `errors: 'collect'` keeps the others; with
   * ERR_NO_IMAGES, ERR_IMAGE_DIMS, ERR_IMAGE_SIZE, ERR_POOL_UNAVAILABLE, ERR_PREPROCESS_UNSUPPORTED, ERR_OPTION_… , ERR_TIMEOUT,
   * ERR_MODEL_CLOSED, ERR_OUT_OF_MEMORY; with `signal.reason` when aborted.
   */
  features<const O extends FeaturesOptions = FeaturesOptions>(input: ImageInput, options?: O): Promise<Features<O>> {
    return this.#call('features', options, async (checked) => {
      const plan = ({ size }: Run) => planPools(this.#encoder.checkpoint, size, checked)
      return arrange(await encode(this.#encoder, 'features', captureInput(input), checked, plan), checked) as Features<O>
    })
  }

  /**
   * Features of a stream: images in, `{ index, source, features }` or `{ index, source, error }` out, in order. At most `inFlight` images
   * are decoded or waiting; a slow consumer stops the producer; ending the loop early cancels the rest and closes the source.
   */
  stream<const O extends StreamOptions = StreamOptions>(
    images: Source<StreamSource>,
    options?: O,
  ): AsyncGenerator<StreamItem<O>, void, undefined> {
    this.#checkOpen('stream')
    const checked = checkOptions('stream', options)
    checkSource(images)
    const { checkpoint, gate } = this.#encoder
    if (checked.imageSize !== undefined) checkSize(checkpoint.shape, asSize(checked.imageSize), 'imageSize')
    const plan = ({ size }: Run) => planPools(checkpoint, size, checked)
    return inOrder(images, checked.inFlight ?? gate.limit, checked.signal, async (source, index, cancellation) => {
      this.#checkOpen('stream')
      try {
        const tensors = await encode(this.#encoder, 'stream', [captureItem(source, index)], checked, plan, cancellation)
        return { index, source, features: arrange(tensors, checked) as Features<O> }
      } catch (error) {
        if (isImageError(error)) return { index, source, error }
        throw error
      }
    })
  }

  /** The likeliest classes of each image, best first; ERR_POOL_UNAVAILABLE where the checkpoint has no classifier. Otherwise as `features`. */
  classify(input: ImageInput, options?: ClassifyOptions): Promise<Classification[][]> {
    return this.#call('classify', options, async (checked) => {
      const { checkpoint } = this.#encoder
      const { tokenMerging } = checked
      const plan = ({ size }: Run) => planPools(checkpoint, size, { pool: 'logits', tokenMerging })
      const [logits] = await encode(this.#encoder, 'classify', captureInput(input), checked, plan)
      return Array.from({ length: logits!.dims[0]! }, (_, i) => topClasses(logits!.row(i), checkpoint.labels, checked.topK))
    })
  }

  /**
   * What the CLS token attended to in the last block: `[B, heads, gridH, gridW]`, each head's softmax over all tokens, of which the
   * patches are given. ERR_POOL_UNAVAILABLE without a CLS token. Otherwise as `features`.
   */
  attention(input: ImageInput, options?: AttentionOptions): Promise<FeatureTensor> {
    return this.#call('attention', options, async (checked) => {
      const plan = ({ size }: Run) => planAttention(this.#encoder.checkpoint, size)
      const [attention] = await encode(this.#encoder, 'attention', captureInput(input), checked, plan)
      return attention!
    })
  }

  /** The crops that the encoder would see: uint8 `[B, H, W, 3]`. Takes pictures, not pixel values. Otherwise as `features`. */
  preprocess(input: ImageInput, options?: PreprocessOptions): Promise<PixelTensor> {
    return this.#call('preprocess', options, async (checked) => crop(this.#encoder, captureInput(input), checked))
  }

  /** Resolves when running calls have settled and the weights are let go. Later calls reject with ERR_MODEL_CLOSED. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#encoder.active).then(() => this.#encoder.engine.close())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Checks, then works; `active` holds the call until it has settled. Everything before the work's first await happens at once. */
  #call<C extends CallName, T>(call: C, options: unknown, work: (checked: Checked<C>) => Promise<T>): Promise<T> {
    const { active } = this.#encoder
    const begun = (async () => {
      this.#checkOpen(call)
      return work(checkOptions(call, options))
    })()
    // The caller gets the derived promise, which nothing else handles: a failure that nobody looks at is still an unhandled rejection.
    const result = begun.finally(() => active.delete(result))
    active.add(result)
    return result
  }

  #checkOpen(call: CallName): void {
    if (this.#closing) throw new VitrineError('ERR_MODEL_CLOSED', `${call}(): the model ${this.info.file} was closed`)
  }
}
