// model.info: what was opened and how it runs. Before it: model.ts.
import type { Checkpoint } from './checkpoint/open'
import type { Size } from './families/family'
import type { Pipeline } from './image/pipeline'
import type { NativeModel } from './native'
import { gridOf, tokensOf } from './plan'
import { availablePools, defaultPool, type PoolName, poolBranches, poolDims, prefixRows } from './pooling'
import { defaultSize } from './size'

export interface ModelInfo {
  family: string
  /** The weight file that was chosen; of shards, their index. */
  file: string
  /** Width of a token, D. */
  dim: number
  layers: number
  heads: number
  patchSize: Size
  /** What pictures run at when no call says otherwise. */
  imageSize: Size
  /** Patches down and across at `imageSize`. */
  grid: Size
  /** Tokens before the patches: CLS, distillation, registers. */
  numPrefixTokens: number
  /** Values in all tensors that the model computes with. */
  parameters: number
  device: 'cpu'
  dtype: 'fp32'
  /** The instruction set that the kernels run on. */
  isa: string
  threads: number
  /** Bytes of packed weights, shared with every other load of this file in the process. */
  weightBytes: number
  defaultPool: PoolName
  /** The pools this checkpoint has. */
  pools: PoolName[]
  /** Dims of one image's result, by pool, at `imageSize`. */
  dims: Partial<Record<PoolName, number[]>>
  /** How pictures become the encoder's input. */
  preprocess: Pipeline
  /** Names of the classes, where there is a classifier that names them. */
  labels?: string[]
}

export function modelInfo(checkpoint: Checkpoint, native: NativeModel): ModelInfo {
  const { spec } = checkpoint
  const size = defaultSize(checkpoint)
  const tokens = tokensOf(spec, size)
  const pools = availablePools(checkpoint)
  return {
    family: checkpoint.family,
    file: checkpoint.file,
    dim: spec.dim,
    layers: spec.blocks.length,
    heads: spec.heads,
    patchSize: { height: spec.patchHeight, width: spec.patchWidth },
    imageSize: { height: size.height, width: size.width },
    grid: gridOf(spec, size),
    numPrefixTokens: prefixRows(spec),
    parameters: checkpoint.parameters,
    device: 'cpu',
    dtype: 'fp32',
    isa: native.isa,
    threads: native.threads,
    weightBytes: native.weightBytes,
    defaultPool: defaultPool(checkpoint),
    pools,
    dims: Object.fromEntries(pools.map((name) => [name, poolDims(poolBranches(name, checkpoint), spec, tokens)])),
    // Copies: what a caller does to them changes nothing here.
    preprocess: structuredClone(checkpoint.pipeline),
    ...(checkpoint.labels ? { labels: [...checkpoint.labels] } : {}),
  }
}
