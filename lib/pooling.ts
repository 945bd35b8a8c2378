// Table: name of a pool → the token rows it reads, and the size of its result. Before it: model.ts; after it: plan.ts, which hands the
// terms to native/engine/pool.cc. A pooling of known terms is one line here; help, types, info and tests follow from the table.
import type { Shape } from './checkpoint/shape'
import { VitrineError } from './errors'
import type { PoolBranch, PoolTerm } from './spec'

/** What a pool needs to know of a checkpoint. */
export interface PoolSource {
  file: string
  hasCls: boolean
  pooled?: PoolBranch[]
  logits?: PoolBranch[]
  /** Outputs of an ONNX graph that are a pool as they stand; they go before what the rows of this table would read. */
  ready?: Partial<Record<PoolName, PoolBranch[]>>
  /** Why it lacks what it lacks: what an ONNX graph has. */
  because?: string
  shape: Pick<Shape, 'dim' | 'outs' | 'prefixRows' | 'tokens'>
}

interface PoolRow {
  help: string
  /** The branches; undefined where the checkpoint does not have this pool. */
  branches(source: PoolSource): PoolBranch[] | undefined
  /** What the checkpoint lacks then. */
  lacks: string
}

const cls: PoolTerm = { row: 0, count: 1, mean: false, afterNorm: true }
const all: PoolTerm = { row: 0, count: -1, mean: false, afterNorm: true }
const patches = (prefixRows: number): PoolTerm => ({ row: prefixRows, count: -1, mean: true, afterNorm: true })
const plain = (...terms: PoolTerm[]): PoolBranch[] => [{ terms, head: -1 }]

/** Every pool, in the order in which help and `model.info.pools` list them. */
export const pools = {
  cls: {
    help: 'the CLS token after the final norm [B, D]',
    branches: ({ hasCls, shape }) => (hasCls && shape.tokens ? plain(cls) : undefined),
    lacks: 'a CLS token',
  },
  mean: {
    help: 'the mean of the patch tokens after the final norm (GAP) [B, D]',
    branches: ({ shape }) => (shape.tokens && shape.prefixRows !== undefined ? plain(patches(shape.prefixRows)) : undefined),
    lacks: 'patch tokens',
  },
  'cls+mean': {
    help: 'both, one after the other [B, 2D]',
    branches: ({ hasCls, shape }) =>
      hasCls && shape.tokens && shape.prefixRows !== undefined ? plain(cls, patches(shape.prefixRows)) : undefined,
    lacks: 'a CLS token',
  },
  tokens: {
    help: 'every token after the final norm: CLS, distillation or registers, patches row by row [B, T, D]',
    branches: ({ shape }) => (shape.tokens ? plain(all) : undefined),
    lacks: 'tokens',
  },
  pooled: {
    help: "the model's own pooler, attention-pooling head or projection [B, E]",
    branches: (source) => source.pooled,
    lacks: 'a pooler, attention-pooling head or projection',
  },
  logits: {
    help: "the classifier's output, no softmax [B, classes]",
    branches: (source) => source.logits,
    lacks: 'a classifier',
  },
} satisfies Record<string, PoolRow>

export type PoolName = keyof typeof pools
export const poolNames = Object.keys(pools) as PoolName[]

const branchesOf = (name: PoolName, source: PoolSource) => source.ready?.[name] ?? pools[name].branches(source)

/** The pools that a checkpoint has. */
export function availablePools(source: PoolSource): PoolName[] {
  return poolNames.filter((name) => branchesOf(name, source) !== undefined)
}

/** What `features` takes when it is not told: CLS where there is one, else the model's own pooler, else the mean, else what there is. */
export function defaultPool(source: PoolSource): PoolName {
  const has = availablePools(source)
  return (['cls', 'pooled', 'mean'] as const).find((name) => has.includes(name)) ?? has[0] ?? 'cls'
}

/** The branches of a pool; ERR_POOL_UNAVAILABLE names what the checkpoint has instead. */
export function poolBranches(name: PoolName, source: PoolSource): PoolBranch[] {
  const branches = branchesOf(name, source)
  if (branches) return branches
  const because = source.because ? ` (${source.because})` : ''
  throw new VitrineError(
    'ERR_POOL_UNAVAILABLE',
    `pool '${name}' is not available: ${source.file} has no ${pools[name].lacks.replace(/^an? /, '')}${because}; it has ${quoted(availablePools(source))}`,
  )
}

/**
 * Size of one image's result: [T, D] for a lone run of token rows, else [width]. `tokens` is T, prefix included; undefined where T or D is
 * not known but the result depends on it.
 */
export function poolDims(branches: PoolBranch[], shape: PoolSource['shape'], tokens: number | undefined): number[] | undefined {
  const branch = branches[0]!
  if (branch.head !== -1) return [shape.outs[branch.head]!.out]
  const { dim } = shape
  const rows = branch.terms.map((term) => (term.mean ? 1 : term.count === -1 ? (tokens ?? Number.NaN) - term.row : term.count))
  const total = rows.reduce((sum, n) => sum + n, 0)
  if (dim === undefined || Number.isNaN(total)) return undefined
  const asRows = branch.terms.length === 1 && !branch.terms[0]!.mean && branch.terms[0]!.count !== 1
  return asRows ? [total, dim] : [total * dim]
}

const quoted = (names: string[]) => names.map((name) => `'${name}'`).join(', ') || 'none'
