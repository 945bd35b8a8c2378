// A model on ONNX Runtime: the library, the provider's options, the first session, and a run that proves them. Before it: device.ts; after it:
// runtime.ts, which finds the library, then sessions.ts.
import type { Cancellation } from '../cancel'
import type { OnnxFile } from '../checkpoint/onnx'
import type { Checkpoint, SpecCheckpoint } from '../checkpoint/open'
import { tokensOf } from '../checkpoint/shape'
import type { DeviceSettings } from '../device-option'
import type { DType, Engine, EngineInfo } from '../engine'
import { VitrineError } from '../errors'
import type { Size } from '../families/family'
import { fromNative, type Geometry, type NativePicture, native } from '../native'
import type { LoadProgress } from '../options'
import { type PlannedOutput, planPools } from '../plan'
import { availablePools, poolBranches, poolDims } from '../pooling'
import { defaultSize } from '../size'
import { cudaAdvice } from './cuda'
import { thisHost } from './host'
import { providerOptions } from './providers'
import { openRuntime } from './runtime'
import { fileEngine, fileSource, loadSession, type SessionEngine, specEngine, type Target } from './sessions'

export interface RuntimeWish {
  dtype: 'auto' | DType
  threads: number | undefined
}

export interface Opened {
  checkpoint: Checkpoint
  engine: Engine
}

type Source = SpecCheckpoint | OnnxFile

/** Most images of one run. */
const GPU_BATCH = 32
const CPU_BATCH = 8
/** Providers of devices that are faster in half precision: what dtype 'auto' is there. */
const halfPrecision = ['cuda', 'tensorrt', 'rocm', 'migraphx', 'dml', 'webgpu', 'coreml']

/** ERR_DEVICE_UNAVAILABLE names what is missing and what to install; ERR_DTYPE_UNAVAILABLE; errors of loading. `note`: for `info.deviceNote`. */
export async function openOnRuntime(
  source: Source,
  settings: DeviceSettings,
  wish: RuntimeWish,
  note: string | undefined,
  progress: (event: LoadProgress) => void,
  cancellation: Cancellation,
): Promise<Opened> {
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
  const dtype = dtypeOf(source, wish.dtype, provider)
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
  // ONNX Runtime's own operators are CUDA's; another provider would hand them back to the CPU.
  const fused = target.provider.name === 'cuda'
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
    const size = runnableSize(checkpoint)
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

/** A size that the model takes; the preprocessing's may be one that it does not, which only a picture will find out. */
function runnableSize(checkpoint: Checkpoint): Size {
  const { fixed, patch } = checkpoint.shape
  const { height, width } = defaultSize(checkpoint)
  if (fixed || !patch) return fixed?.size ?? { height, width }
  const whole = (side: number, part: number) => Math.max(part, side - (side % part))
  return { height: whole(height, patch.height), width: whole(width, patch.width) }
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

function dtypeOf(source: Source, dtype: RuntimeWish['dtype'], provider: string): DType {
  if (source.kind === 'spec') return dtype === 'auto' ? (halfPrecision.includes(provider) ? 'fp16' : 'fp32') : dtype
  // In which most bytes of the weights are stored.
  const names: Readonly<Record<string, DType>> = { float32: 'fp32', float16: 'fp16', bfloat16: 'bf16', int8: 'int8', uint8: 'int8' }
  const known = [...source.header.stored].filter(([type]) => Object.hasOwn(names, type)).sort(([, a], [, b]) => b.bytes - a.bytes)
  return names[known[0]?.[0] ?? 'float32'] ?? 'fp32'
}

/** What the device said, with what can be told from outside about why. */
function explained(error: unknown, settings: DeviceSettings, library: string, source: Source, dtype: DType): unknown {
  if (!(error instanceof VitrineError)) return error
  const { code, message } = error
  if (code === 'ERR_DEVICE_UNAVAILABLE') {
    const nvidia = settings.name === 'cuda' || settings.name === 'tensorrt'
    const advice = nvidia ? cudaAdvice(library, thisHost()) : ''
    const said = `ONNX Runtime says: ${message}`
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
