// model.info: what was opened and how it runs. Before it: model.ts.
import type { Checkpoint } from './checkpoint/open'
import { gridOf, tokensOf } from './checkpoint/shape'
import type { EngineInfo } from './engine'
import type { Size } from './families/family'
import type { Pipeline } from './image/pipeline'
import { availablePools, defaultPool, type PoolName, poolBranches, poolDims } from './pooling'
import { defaultSize } from './size'

/** Of an ONNX graph, what neither it nor a config beside it says is absent. */
export interface ModelInfo extends EngineInfo {
  /** The family that read the weights; of an ONNX graph its config's model_type or architecture, or 'onnx'. */
  family: string
  /** The weight file that was chosen; of shards, their index. */
  file: string
  /** Width of a token, D. */
  dim?: number
  layers?: number
  heads?: number
  patchSize?: Size
  /** What pictures run at when no call says otherwise. */
  imageSize: Size
  /** Patches down and across at `imageSize`. */
  grid?: Size
  /** Tokens before the patches: CLS, distillation, registers. */
  numPrefixTokens?: number
  /** Values in all tensors that the model computes with. */
  parameters: number
  defaultPool: PoolName
  /** The pools this checkpoint has. */
  pools: PoolName[]
  /** Dims of one image's result, by pool, at `imageSize`; of an ONNX graph those that are known beforehand. */
  dims: Partial<Record<PoolName, number[]>>
  /** How pictures become the encoder's input. */
  preprocess: Pipeline
  /** Names of the classes, where there is a classifier that names them. */
  labels?: string[]
}

export function modelInfo(checkpoint: Checkpoint, engine: EngineInfo): ModelInfo {
  const { shape } = checkpoint
  const size = defaultSize(checkpoint)
  const tokens = tokensOf(shape, size)
  const pools = availablePools(checkpoint)
  const dims = pools.map((name) => [name, poolDims(poolBranches(name, checkpoint), shape, tokens)] as const)
  return {
    family: checkpoint.family,
    file: checkpoint.file,
    ...known({ dim: shape.dim, layers: shape.layers, heads: shape.heads, patchSize: shape.patch && { ...shape.patch } }),
    imageSize: { height: size.height, width: size.width },
    ...known({ grid: gridOf(shape, size), numPrefixTokens: shape.prefixRows }),
    parameters: checkpoint.parameters,
    ...engine,
    defaultPool: defaultPool(checkpoint),
    pools,
    dims: known(Object.fromEntries(dims)),
    // Copies: what a caller does to them changes nothing here.
    preprocess: structuredClone(checkpoint.pipeline),
    ...(checkpoint.labels ? { labels: [...checkpoint.labels] } : {}),
  }
}

type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> }
/** Without the fields that are undefined. */
const known = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Known<T>
