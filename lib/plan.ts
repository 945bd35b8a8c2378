// What a call asks the engine for: its outputs and the shape of each. Before it: model.ts; after it: encode.ts.
import type { Checkpoint } from './checkpoint/open'
import { gridOf, tokensOf } from './checkpoint/shape'
import { VitrineError } from './errors'
import type { Size } from './families/family'
import type { PoolOptions } from './options'
import { defaultPool, type PoolName, poolBranches, poolDims } from './pooling'
import type { Output } from './spec'
import { type MergingChoice, mergeSchedule, tokensLeft } from './token-merging'

export interface PlannedOutput {
  output: Output
  /** Of one image. */
  dims: number[]
}

/** One output per layer and pool, layers outermost. */
export function planPools(checkpoint: Checkpoint, size: Size, options: PoolOptions & MergingChoice): PlannedOutput[] {
  const names = asArray<PoolName>(options.pool ?? defaultPool(checkpoint))
  const layers = options.layers?.map((layer) => blockOf(layer, checkpoint)) ?? [-1]
  const { shape } = checkpoint
  const [whole, merging] = [tokensOf(shape, size), mergeSchedule(checkpoint, options)]
  return layers.flatMap((layer) => {
    const tokens = whole === undefined || !merging ? whole : tokensLeft(merging, whole, shape.prefixRows!, layer)
    return names.map((name) => {
      const branches = poolBranches(name, checkpoint)
      const dims = poolDims(branches, shape, tokens)
      if (!dims) throw new VitrineError('ERR_POOL_UNAVAILABLE', `pool '${name}' is not available: ${unsized(checkpoint)}`)
      return { output: { kind: 'pool', branches, normalize: options.normalize ?? false, layer }, dims }
    })
  })
}

/** What the CLS token attended to in the last block: [heads, gridH, gridW]. */
export function planAttention(checkpoint: Checkpoint, size: Size): PlannedOutput[] {
  const { file, shape } = checkpoint
  if (!shape.blocks) throw closed(file, 'attention is read')
  if (!checkpoint.hasCls) {
    throw new VitrineError('ERR_POOL_UNAVAILABLE', `attention is what the CLS token attends to, and ${file} has no CLS token`)
  }
  const grid = gridOf(shape, size)!
  return [{ output: { kind: 'attention' }, dims: [shape.heads!, grid.height, grid.width] }]
}

/** Results in the form that the options ask for: one alone, an array by pool, and around it one by layer. */
export function arrange<T>(results: T[], options: PoolOptions): unknown {
  const perLayer = Array.isArray(options.pool) ? options.pool.length : 1
  const layer = (at: number) => (Array.isArray(options.pool) ? results.slice(at, at + perLayer) : results[at])
  return options.layers ? options.layers.map((_, i) => layer(i * perLayer)) : layer(0)
}

/** 1…n or -n…-1 → blocks computed; -1 for the last, which the engine may cut short. */
function blockOf(layer: number, { file, shape }: Checkpoint): number {
  if (!shape.blocks) throw closed(file, "option 'layers' reads blocks")
  const blocks = shape.layers!
  const block = layer < 0 ? layer + blocks + 1 : layer
  if (block >= 1 && block <= blocks) return block === blocks ? -1 : block
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `option 'layers' must hold numbers from 1 to ${blocks} or from -${blocks} to -1, found ${layer}`,
  )
}

function closed(file: string, what: string): VitrineError {
  return new VitrineError(
    'ERR_POOL_UNAVAILABLE',
    `${what} inside the encoder, and of the ONNX graph ${file} vitrine sees the outputs alone; load the checkpoint's safetensors instead`,
  )
}

const unsized = ({ file, shape }: Checkpoint) =>
  shape.dim === undefined
    ? `${file} does not say how wide its tokens are`
    : `${file} does not say how many tokens it gives at this size; a config.json with model_type and patch_size beside it would`

function asArray<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T]
}
