// Where a model runs: the option `device` and what is there → an engine. Before it: model.ts; after it: weights.ts for vitrine's own engine,
// onnx/open.ts for ONNX Runtime. Only 'auto' may end up elsewhere, and says so; where there is no GPU it opens nothing.
import type { Cancellation } from './cancel'
import type { OnnxFile } from './checkpoint/onnx'
import type { SpecCheckpoint } from './checkpoint/open'
import { type DeviceOptions, type DeviceSettings, readDevice } from './device-option'
import { nativeEngine } from './engine'
import { VitrineError } from './errors'
import { cudaAdvice, lookForGpu } from './onnx/cuda'
import { thisHost } from './onnx/host'
import { searchLibraries } from './onnx/library'
import { type Opened, openOnRuntime, type RuntimeWish } from './onnx/open'
import type { LoadProgress } from './options'
import { loadWeights } from './weights'

export interface Wish extends RuntimeWish {
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
  return openOnRuntime(source, settings, wish, note, progress, cancellation)
}
