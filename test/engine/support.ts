// Shared by the engine's tests: outputs in a word, images, and runs through the typed door.
import {
  fromNative,
  type Geometry,
  type NativeDType,
  type NativeModel,
  type NativePicture,
  type NativePixels,
  native,
} from '../../lib/native'
import type { EncoderSpec, MergeSchedule, Output, PoolTerm } from '../../lib/spec'
import { tokensLeft } from '../../lib/token-merging'
import { Random } from '../support/seed'
import { prefixRows } from './plain-encoder'

export const term = (row: number, count: number, options: Partial<PoolTerm> = {}): PoolTerm => ({
  row,
  count,
  mean: false,
  afterNorm: true,
  ...options,
})
export const pooled = (terms: PoolTerm[], options: { head?: number; normalize?: boolean; layer?: number } = {}): Output => ({
  kind: 'pool',
  branches: [{ terms, head: options.head ?? -1 }],
  normalize: options.normalize ?? false,
  layer: options.layer ?? -1,
})
export const cls = pooled([term(0, 1)])
export const tokens = pooled([term(0, -1)])
export const mean = (spec: EncoderSpec) => pooled([term(prefixRows(spec), -1, { mean: true })])
export const attention: Output = { kind: 'attention' }

export function randomPixels(seed: number, height: number, width: number): NativePixels {
  return { kind: 'pixels', data: new Random(seed).floats(3 * height * width, 2), height, width }
}

/** A picture of random bytes that reaches the encoder as it is. */
export function randomPicture(seed: number, height: number, width: number): NativePicture {
  return {
    kind: 'picture',
    layout: 'rgb',
    data: new Random(seed).bytes(3 * height * width),
    height,
    width,
    geometry: untouched(height, width),
  }
}
export const untouched = (height: number, width: number): Geometry => ({
  resizeWidth: width,
  resizeHeight: height,
  filter: 'bilinear',
  coefficients: 'pillow',
  verticalFirst: false,
  cropLeft: 0,
  cropTop: 0,
  cropWidth: width,
  cropHeight: height,
  pad: [0, 0, 0],
})

export const dtypes: NativeDType[] = ['fp32', 'bf16', 'int8']

export async function loadSpec(spec: EncoderSpec, threads = 1, dtype: NativeDType = 'fp32'): Promise<NativeModel> {
  return translated(() => native().loadModel(spec, { threads, dtype }).promise)
}

/** Errors as VitrineError, thrown or rejected alike. */
export async function translated<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromNative(error)
  }
}

export function outputLength(spec: EncoderSpec, image: NativePixels | NativePicture, output: Output, merging?: MergeSchedule): number {
  const [height, width] = image.kind === 'pixels' ? [image.height, image.width] : [image.geometry.cropHeight, image.geometry.cropWidth]
  const patches = (height / spec.patchHeight) * (width / spec.patchWidth)
  const layer = output.kind === 'pool' ? output.layer : -1
  const total = tokensLeft(merging, prefixRows(spec) + patches, prefixRows(spec), layer)
  if (output.kind === 'attention') return spec.heads * patches
  const branch = output.branches[0]!
  if (branch.head !== -1) return spec.headsOut[branch.head]!.out
  return branch.terms.reduce((sum, { row, count, mean }) => sum + spec.dim * (mean ? 1 : count === -1 ? total - row : count), 0)
}

/** One image alone; one array per output. */
export async function run(
  model: NativeModel,
  spec: EncoderSpec,
  image: NativePixels | NativePicture,
  outputs: Output[],
  merging?: MergeSchedule,
): Promise<Float32Array[]> {
  const sinks = outputs.map((output) => new Float32Array(outputLength(spec, image, output, merging)))
  await translated(() => model.run(image, outputs, sinks, 0, merging).promise)
  return sinks
}

/** Waits, without blocking the event loop, until `ready`. */
export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setImmediate(resolve))
}
