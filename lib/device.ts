// Where a model runs: the option `device` and what is there → an engine. Before it: model.ts; after it: weights.ts for vitrine's own engine,
// onnx/runtime.ts and onnx/sessions.ts for ONNX Runtime. Only 'auto' may end up elsewhere, and says so; where there is no GPU it opens nothing.
import type { Cancellation } from './cancel'
import type { OnnxFile } from './checkpoint/onnx'
import type { Checkpoint, SpecCheckpoint } from './checkpoint/open'
import { tokensOf } from './checkpoint/shape'
import { type DeviceOptions, type DeviceSettings, readDevice } from './device-option'
import { type DType, type Engine, type EngineInfo, nativeEngine } from './engine'
import { VitrineError } from './errors'
import type { Size } from './families/family'
import { fromNative, type Geometry, type NativePicture, native } from './native'
import { cudaAdvice, lookForGpu } from './onnx/cuda'
import { thisHost } from './onnx/host'
import { searchLibraries } from './onnx/library'
import { providerOptions } from './onnx/providers'
import { openRuntime } from './onnx/runtime'
import { fileEngine, fileSource, loadSession, type SessionEngine, specEngine, type Target } from './onnx/sessions'
import type { LoadProgress } from './options'
import { type PlannedOutput, planPools } from './plan'
import { availablePools, poolBranches, poolDims } from './pooling'
import { defaultSize } from './size'
import { loadWeights } from './weights'

export interface Wish {
  device: string | DeviceOptions
  dtype: 'auto' | DType
  threads: number | undefined
}

export interface Opened {
  checkpoint: Checkpoint
  engine: Engine
}

type Source = SpecCheckpoint | OnnxFile
type Progress = (event: LoadProgress) => void

/** Most images of one run. */
const GPU_BATCH = 32
const CPU_BATCH = 8

/** Checked already: a string is what would be wrong with it. */
const settingsOf = (device: Wish['device']) => readDevice(device) as DeviceSettings

/**
 * The model on the device. ERR_DEVICE_UNAVAILABLE names what is missing and what to install; ERR_DTYPE_UNAVAILABLE; errors of loading.
 */
export async function openDevice(source: Source, wish: Wish, progress: Progress, cancellation: Cancellation): Promise<Opened> {
  const settings = settingsOf(wish.device)
  checkDtype(source, settings, wish.dtype)
  if (settings.name !== 'auto') return openNamed(source, settings, wish, progress, cancellation)

  // Settings are the GPU's, which is not the one that computes then.
  const cpu = (note: string | undefined) => openNamed(source, readDevice('cpu') as DeviceSettings, wish, progress, cancellation, note)
  const note = gpuNote()
  if (note !== undefined) return cpu(note.text)
  try {
    return await openNamed(source, { ...settings, name: 'cuda', label: 'cuda' }, wish, progress, cancellation)
  } catch (error) {
    cancellation.throwIfCancelled()
    // The CPU's engine has fp32 alone: who asked for less is not given more.
    const elsewhere = source.kind === 'onnx' || wish.dtype === 'auto' || wish.dtype === 'fp32'
    if (!(error instanceof VitrineError) || !fallsBack(error) || !elsewhere) throw error
    return cpu(error.message)
  }
}

/** Failures that another device does not have. */
const fallsBack = ({ code }: VitrineError) =>
  ['ERR_DEVICE_UNAVAILABLE', 'ERR_DEVICE_FAILED', 'ERR_OUT_OF_MEMORY', 'ERR_OUTPUT_NOT_FINITE', 'ERR_DTYPE_UNAVAILABLE'].includes(code)

/** vitrine's own engine has nothing to be set. */
function checkPlain({ label, index, memoryLimit, tf32, graphCapture, batch, options }: DeviceSettings): void {
  const given = { [`a number (${label})`]: index, memoryLimit, tf32: tf32 || undefined, graphCapture: graphCapture || undefined, batch }
  const [name] = [...Object.entries(given).filter(([, value]) => value !== undefined), ...Object.entries(options)].map(([key]) => key)
  if (name === undefined) return
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `load(): device 'cpu' is vitrine's own engine, which does not take ${name}; 'ort-cpu' is ONNX Runtime's`,
  )
}

/** Why 'auto' does not try a GPU, seen from files alone; undefined where it does. Without a card there is nothing to say. */
export function gpuNote(host = thisHost()): { text: string | undefined } | undefined {
  const gpu = lookForGpu(host)
  if (!gpu.present) return { text: gpu.devices.length > 0 ? gpu.why : undefined }
  const places = searchLibraries(host)
  if (places.some(({ providers }) => providers.includes('cuda'))) return undefined
  const [found] = places.filter(({ path }) => path !== undefined)
  return {
    text: `${gpu.why} is not used: ${found ? cudaAdvice(found.path, host) : 'no ONNX Runtime was found; "pip install onnxruntime-gpu", for example, brings one'}`,
  }
}

function checkDtype(source: Source, { name, label }: DeviceSettings, dtype: Wish['dtype']): void {
  const refuse = (why: string) => new VitrineError('ERR_DTYPE_UNAVAILABLE', `load(): dtype '${dtype}' is not available: ${why}`)
  if (dtype === 'auto' || dtype === 'fp32') return
  if (dtype === 'int8') throw refuse('this version has none; there are fp32, and on devices of ONNX Runtime fp16 and bf16')
  if (source.kind === 'onnx') throw refuse(`${source.file} is an ONNX graph, which computes in the types that it was written in`)
  if (name === 'cpu') throw refuse(`device '${label}' computes in fp32; fp16 and bf16 are for devices of ONNX Runtime, such as 'cuda'`)
  if (name === 'auto' && gpuNote() !== undefined)
    throw refuse("without a GPU that can be used the CPU computes, in fp32; dtype 'auto' is fp16 on a GPU alone")
}

async function openNamed(
  source: Source,
  settings: DeviceSettings,
  wish: Wish,
  progress: Progress,
  cancellation: Cancellation,
  note?: string,
): Promise<Opened> {
  if (settings.name === 'cpu' && source.kind === 'spec') {
    checkPlain(settings)
    return { checkpoint: source, engine: nativeEngine(await loadWeights(source.spec, wish.threads, progress, cancellation), note) }
  }
  const provider = settings.name === 'cpu' || settings.name === 'ort-cpu' ? 'cpu' : settings.name
  const graph = source.kind === 'onnx' ? `${source.file} is an ONNX graph, which ONNX Runtime runs` : undefined
  const what = provider === 'cpu' && graph !== undefined ? graph : `device '${settings.label}'`
  const { library, provider: providerName } = await cancellation.unless(openRuntime(provider, what))
  const onCpu = provider === 'cpu'
  const target: Target = {
    library: library.path,
    provider: { name: provider, options: providerOptions(provider, settings, library.version) },
    threads: wish.threads ?? native().runtime().threads,
    batch: settings.batch ?? (onCpu ? CPU_BATCH : GPU_BATCH),
    graphCapture: settings.graphCapture,
  }
  const dtype = dtypeOf(source, wish.dtype, onCpu)
  const info: EngineInfo = {
    device:
      settings.index === undefined
        ? `${settings.name}${/^(cuda|tensorrt)$/.test(settings.name) ? ':0' : ''}`
        : `${settings.name}:${settings.index}`,
    ...(note !== undefined && { deviceNote: note }),
    provider: providerName,
    onnxruntime: { version: library.version, path: library.path },
    dtype,
    isa: native().runtime().isa,
    threads: target.threads,
    weightBytes: 0,
  }
  try {
    const total = source.kind === 'onnx' ? sum(source) : source.parameters * (dtype === 'fp32' ? 4 : 2)
    progress({ stage: 'weights', loaded: 0, total })
    return source.kind === 'onnx'
      ? await openFile(source, target, { ...info, weightBytes: total }, onCpu, cancellation)
      : await openSpec(source, target, info, onCpu, cancellation)
  } catch (error) {
    cancellation.throwIfCancelled()
    throw explained(error, settings, library.path, source, dtype)
  }
}

const sum = ({ header }: OnnxFile) => [...header.stored.values()].reduce((total, { bytes }) => total + bytes, 0)

async function openSpec(
  source: SpecCheckpoint,
  target: Target,
  info: EngineInfo,
  onCpu: boolean,
  cancellation: Cancellation,
): Promise<Opened> {
  const type = ({ fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const)[info.dtype as 'fp32' | 'fp16' | 'bf16']
  const fused = /^(cuda|tensorrt)$/.test(target.provider.name)
  return proven({ checkpoint: source, engine: specEngine(source, info, target, { type, fused, bytes: !onCpu }) }, onCpu, cancellation)
}

async function openFile(source: OnnxFile, target: Target, info: EngineInfo, onCpu: boolean, cancellation: Cancellation): Promise<Opened> {
  const described = await fileSource(source, target)
  const job = loadSession(described)
  const session = await cancellation.unless(job).catch((error) => {
    job.then((late) => late.close()).catch(() => {})
    throw error
  })
  try {
    const checkpoint = { ...source.checkpoint(session.outputs), pipeline: source.pipeline }
    return proven(
      { checkpoint, engine: fileEngine(checkpoint, source.input.type === 'uint8', session, info, { ...target, batch: described.batch }) },
      onCpu,
      cancellation,
    )
  } catch (error) {
    session.close()
    throw error
  }
}

/** The session that most calls use is there before load() resolves. Except on the CPU, a run of one black picture proves the device. */
async function proven(
  opened: { checkpoint: Checkpoint; engine: SessionEngine },
  onCpu: boolean,
  cancellation: Cancellation,
): Promise<Opened> {
  const { checkpoint, engine } = opened
  try {
    const size = defaultSize(checkpoint)
    const [planned] = plannedFirst(checkpoint, size)
    if (!planned) return opened
    const runner = await cancellation.unless(engine.prepare('picture', [planned.output]))
    try {
      if (!onCpu) await cancellation.unless(runner.run(blackPicture(size), [new Float32Array(product(planned.dims))], 0, 1).promise)
    } finally {
      runner.done()
    }
    return opened
  } catch (error) {
    void engine.close()
    throw fromNative(error)
  }
}

/** Of a file whose outputs' dims are not known beforehand, nothing. */
function plannedFirst(checkpoint: Checkpoint, size: Size): PlannedOutput[] {
  const pool = availablePools(checkpoint).find((name) =>
    poolDims(poolBranches(name, checkpoint), checkpoint.shape, tokensOf(checkpoint.shape, size)),
  )
  return pool === undefined ? [] : planPools(checkpoint, size, { pool })
}

const product = (dims: number[]) => dims.reduce((a, b) => a * b, 1)

function blackPicture({ height, width }: Size): NativePicture {
  const data = new Uint8Array(height * width * 3)
  const resized = { resizeWidth: width, resizeHeight: height, filter: 'bilinear', coefficients: 'pillow', verticalFirst: false } as const
  const crop = { cropLeft: 0, cropTop: 0, cropWidth: width, cropHeight: height, pad: [0, 0, 0] } satisfies Partial<Geometry>
  return { kind: 'picture', data, layout: 'rgb', width, height, geometry: { ...resized, ...crop } }
}

function dtypeOf(source: Source, dtype: Wish['dtype'], onCpu: boolean): DType {
  if (source.kind === 'spec') return dtype === 'auto' ? (onCpu ? 'fp32' : 'fp16') : dtype
  // In which most bytes of the weights are stored.
  const names: Readonly<Record<string, DType>> = { float32: 'fp32', float16: 'fp16', bfloat16: 'bf16', int8: 'int8', uint8: 'int8' }
  const known = [...source.header.stored].filter(([type]) => Object.hasOwn(names, type)).sort(([, a], [, b]) => b.bytes - a.bytes)
  return names[known[0]?.[0] ?? 'float32'] ?? 'fp32'
}

/** Without the places in ONNX Runtime's own source, and in one line. */
const plainWords = (message: string) =>
  message
    .replace(/\/\S*onnxruntime\/core\/\S+:\d+ .*?(?=\[ONNXRuntimeError\])/g, '')
    .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** What the device said, with what can be told from outside about why. */
function explained(error: unknown, settings: DeviceSettings, library: string, source: Source, dtype: DType): unknown {
  if (!(error instanceof VitrineError)) return error
  const { code, message } = error
  if (code === 'ERR_DEVICE_UNAVAILABLE') {
    const nvidia = settings.name === 'cuda' || settings.name === 'tensorrt'
    const advice = nvidia ? cudaAdvice(library, thisHost()) : ''
    const said = `ONNX Runtime says: ${plainWords(message)}`
    return new VitrineError(code, [`device '${settings.label}': ${advice || said}`, advice && said].filter(Boolean).join('. '), {
      cause: error,
    })
  }
  // The graph is ours, so that what is refused is not the checkpoint.
  if (code === 'ERR_CHECKPOINT_INVALID' && source.kind === 'spec' && dtype !== 'fp32') {
    return new VitrineError(
      'ERR_DTYPE_UNAVAILABLE',
      `load(): dtype '${dtype}' is not available on device '${settings.label}': ${message}`,
      { cause: error },
    )
  }
  return error
}
