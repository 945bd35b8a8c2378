// Table: name of a pool → the token rows it reads, and the size of its result. Before it: model.ts; after it: plan.ts, which hands the
// terms to native/engine/pool.cc. A pooling of known terms is one line here; help, types, info and tests follow from the table.
import type { Checkpoint } from './checkpoint/open'
import { VitrineError } from './errors'
import type { PoolBranch, PoolTerm } from './spec'

/** What a pool needs to know of a checkpoint. */
export type PoolSource = Pick<Checkpoint, 'file' | 'hasCls' | 'pooled' | 'logits' | 'spec'>

interface PoolRow {
  help: string
  /** The branches; undefined where the checkpoint does not have this pool. */
  branches(source: PoolSource): PoolBranch[] | undefined
  /** What the checkpoint lacks then. */
  lacks: string
}

/** Rows before the patches: CLS, distillation, registers. */
export function prefixRows(spec: PoolSource['spec']): number {
  return spec.prefix.reduce((sum, token) => sum + token.rows, 0)
}

const cls: PoolTerm = { row: 0, count: 1, mean: false, afterNorm: true }
const all: PoolTerm = { row: 0, count: -1, mean: false, afterNorm: true }
const patches = (source: PoolSource): PoolTerm => ({ row: prefixRows(source.spec), count: -1, mean: true, afterNorm: true })
const plain = (...terms: PoolTerm[]): PoolBranch[] => [{ terms, head: -1 }]

/** Every pool, in the order in which help and `model.info.pools` list them. */
export const pools = {
  cls: {
    help: 'the CLS token after the final norm [B, D]',
    branches: (source) => (source.hasCls ? plain(cls) : undefined),
    lacks: 'a CLS token',
  },
  mean: {
    help: 'the mean of the patch tokens after the final norm (GAP) [B, D]',
    branches: (source) => plain(patches(source)),
    lacks: 'patch tokens',
  },
  'cls+mean': {
    help: 'both, one after the other [B, 2D]',
    branches: (source) => (source.hasCls ? plain(cls, patches(source)) : undefined),
    lacks: 'a CLS token',
  },
  tokens: {
    help: 'every token after the final norm: CLS, distillation or registers, patches row by row [B, T, D]',
    branches: () => plain(all),
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

/** The pools that a checkpoint has. */
export function availablePools(source: PoolSource): PoolName[] {
  return poolNames.filter((name) => pools[name].branches(source) !== undefined)
}

/** What `features` takes when it is not told: CLS where there is one, else the model's own pooler, else the mean. */
export function defaultPool(source: PoolSource): PoolName {
  return source.hasCls ? 'cls' : source.pooled ? 'pooled' : 'mean'
}

/** The branches of a pool; ERR_POOL_UNAVAILABLE names what the checkpoint has instead. */
export function poolBranches(name: PoolName, source: PoolSource): PoolBranch[] {
  const branches = pools[name].branches(source)
  if (branches) return branches
  throw new VitrineError(
    'ERR_POOL_UNAVAILABLE',
    `pool '${name}' is not available: ${source.file} has no ${pools[name].lacks.replace(/^an? /, '')}; it has ${quoted(availablePools(source))}`,
  )
}

/** Size of one image's result: [T, D] for a lone run of token rows, else [width]. `tokens` is T, prefix included. */
export function poolDims(branches: PoolBranch[], spec: PoolSource['spec'], tokens: number): number[] {
  const branch = branches[0]!
  if (branch.head !== -1) return [spec.headsOut[branch.head]!.out]
  const rows = branch.terms.map((term) => (term.mean ? 1 : term.count === -1 ? tokens - term.row : term.count))
  const total = rows.reduce((sum, n) => sum + n, 0)
  const asRows = branch.terms.length === 1 && !branch.terms[0]!.mean && branch.terms[0]!.count !== 1
  return asRows ? [total, spec.dim] : [total * spec.dim]
}

const quoted = (names: string[]) => names.map((name) => `'${name}'`).join(', ')
