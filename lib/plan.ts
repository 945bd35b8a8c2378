// What a call asks the engine for: its outputs and the shape of each. Before it: model.ts; after it: encode.ts.
import type { Checkpoint } from './checkpoint/open'
import { VitrineError } from './errors'
import type { Size } from './families/family'
import type { PoolOptions } from './options'
import { defaultPool, type PoolName, poolBranches, poolDims, prefixRows } from './pooling'
import type { EncoderSpec, Output } from './spec'

export interface PlannedOutput {
  output: Output
  /** Of one image. */
  dims: number[]
}

/** Patches down and across. */
export function gridOf(spec: EncoderSpec, size: Size): Size {
  return { height: size.height / spec.patchHeight, width: size.width / spec.patchWidth }
}

/** Token rows of one image, prefix included. */
export function tokensOf(spec: EncoderSpec, size: Size): number {
  const grid = gridOf(spec, size)
  return prefixRows(spec) + grid.height * grid.width
}

/** One output per layer and pool, layers outermost. */
export function planPools(checkpoint: Checkpoint, size: Size, options: PoolOptions): PlannedOutput[] {
  const names = asArray<PoolName>(options.pool ?? defaultPool(checkpoint))
  const layers = options.layers?.map((layer) => blockOf(layer, checkpoint.spec.blocks.length)) ?? [-1]
  return layers.flatMap((layer) =>
    names.map((name) => {
      const branches = poolBranches(name, checkpoint)
      return {
        output: { kind: 'pool', branches, normalize: options.normalize ?? false, layer },
        dims: poolDims(branches, checkpoint.spec, tokensOf(checkpoint.spec, size)),
      }
    }),
  )
}

/** What the CLS token attended to in the last block: [heads, gridH, gridW]. */
export function planAttention(checkpoint: Checkpoint, size: Size): PlannedOutput[] {
  if (!checkpoint.hasCls) {
    throw new VitrineError('ERR_POOL_UNAVAILABLE', `attention is what the CLS token attends to, and ${checkpoint.file} has no CLS token`)
  }
  const grid = gridOf(checkpoint.spec, size)
  return [{ output: { kind: 'attention' }, dims: [checkpoint.spec.heads, grid.height, grid.width] }]
}

/** Results in the form that the options ask for: one alone, an array by pool, and around it one by layer. */
export function arrange<T>(results: T[], options: PoolOptions): unknown {
  const perLayer = Array.isArray(options.pool) ? options.pool.length : 1
  const layer = (at: number) => (Array.isArray(options.pool) ? results.slice(at, at + perLayer) : results[at])
  return options.layers ? options.layers.map((_, i) => layer(i * perLayer)) : layer(0)
}

/** 1…n or -n…-1 → blocks computed; -1 for the last, which the engine may cut short. */
function blockOf(layer: number, blocks: number): number {
  const block = layer < 0 ? layer + blocks + 1 : layer
  if (block >= 1 && block <= blocks) return block === blocks ? -1 : block
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `option 'layers' must hold numbers from 1 to ${blocks} or from -${blocks} to -1, found ${layer}`,
  )
}

function asArray<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T]
}
