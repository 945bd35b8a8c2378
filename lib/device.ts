// Where a model runs: the option `device` and what is there → an engine. Before it: model.ts; after it: weights.ts for vitrine's own engine,
// onnx/open.ts for ONNX Runtime. Only 'auto' may end up elsewhere, and says so; where there is no GPU it opens nothing.
import type { Cancellation } from './cancel'
import type { OnnxFile } from './checkpoint/onnx'
import type { SpecCheckpoint } from './checkpoint/open'
import { type DeviceOptions, type DeviceSettings, readDevice } from './device-option'
import { nativeEngine } from './engine'
import { VitrineError } from './errors'
import { type NativeDType, native } from './native'
import { cudaAdvice, lookForGpu } from './onnx/cuda'
import { thisHost } from './onnx/host'
import { searchLibraries } from './onnx/library'
import { type Opened, openOnRuntime, type RuntimeWish } from './onnx/open'
import type { LoadProgress } from './options'
import { loadWeights } from './weights'

export interface Wish extends RuntimeWish {
  packedCache: boolean
  device: string | DeviceOptions
}

type Source = SpecCheckpoint | OnnxFile
type Progress = (event: LoadProgress) => void

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
  if (wish.dtype === 'int8') return cpu(undefined) // which no other device computes
  const note = gpuNote()
  if (note !== undefined) return cpu(note.text)
  try {
    return await openNamed(source, { ...settings, name: 'cuda', label: 'cuda' }, wish, progress, cancellation)
  } catch (error) {
    cancellation.throwIfCancelled()
    // The CPU's engine has no fp16: who asked for it is not given another precision.
    const elsewhere = source.kind === 'onnx' || wish.dtype !== 'fp16'
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
  if (source.kind === 'onnx') throw refuse(`${source.file} is an ONNX graph, which computes in the types that it was written in`)
  if (dtype === 'int8' && name !== 'cpu' && name !== 'auto')
    throw refuse(`device '${label}' computes in fp32, fp16 and bf16; int8 is for 'cpu', vitrine's own engine`)
  if (dtype === 'fp16' && name === 'cpu')
    throw refuse(`device '${label}' computes in fp32, bf16 and int8; fp16 is for devices of ONNX Runtime, such as 'cuda'`)
  if (dtype === 'fp16' && name === 'auto' && gpuNote() !== undefined)
    throw refuse('without a GPU that can be used the CPU computes, in fp32, bf16 or int8')
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
    const dtype = cpuDtype(wish.dtype)
    const model = await loadWeights(source.spec, dtype, wish.threads, wish.packedCache, progress, cancellation)
    return { checkpoint: source, engine: nativeEngine(model, dtype, note) }
  }
  return openOnRuntime(source, settings, wish, note, progress, cancellation)
}

/** On vitrine's own engine 'auto' is bf16 where the CPU multiplies it, else fp32; fp16 was refused before. */
function cpuDtype(dtype: Wish['dtype']): NativeDType {
  if (dtype === 'auto' || dtype === 'fp16') return native().runtime().bf16 ? 'bf16' : 'fp32'
  return dtype
}
