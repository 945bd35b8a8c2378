// Tokens → what the graph gives: pools of rows, heads, unit length, as native/engine/pool.cc computes them; all of it in float32. Before
// it: blocks.ts; after it: graph.ts. Letters: B images, T tokens, D width.
import { VitrineError } from '../errors'
import type { EncoderSpec, Output, PoolBranch, PoolTerm } from '../spec'
import { activate } from './activations'
import { type Builder, END } from './builder'
import type { Port } from './graph'

export type PoolOutput = Extract<Output, { kind: 'pool' }>

const unavailable = (name: string, message: string) => new VitrineError('ERR_POOL_UNAVAILABLE', `ONNX graph: output ${name}: ${message}`)

/** Rows that a term gives; undefined where the number of tokens is not known. */
function rowsOf(term: PoolTerm, tokens: number | undefined): number | undefined {
  if (term.mean) return 1
  return term.count !== -1 ? term.count : tokens === undefined ? undefined : tokens - term.row
}

/** A lone run of rows stays one: [B, rows, D]. */
function loneRows({ terms, head }: PoolBranch): PoolTerm | undefined {
  const [term] = terms
  return term && terms.length === 1 && head === -1 && !term.mean && term.count !== 1 ? term : undefined
}

/** ERR_POOL_UNAVAILABLE where the output reads what the model does not have; `tokens` undefined for any size. */
export function checkOutput(name: string, output: Output, spec: EncoderSpec, tokens: number | undefined): void {
  if (output.kind === 'attention') {
    if (spec.blocks.length === 0) throw unavailable(name, 'there is no block whose attention it could be')
    return
  }
  const { layer, branches } = output
  if (layer < -1 || layer > spec.blocks.length) throw unavailable(name, `layer ${layer} of ${spec.blocks.length}`)
  if (branches.length === 0) throw unavailable(name, 'it has no branches')
  const widths = branches.map((branch) => branchWidth(name, branch, spec, tokens))
  if (widths.some((width) => width !== widths[0])) throw unavailable(name, 'branches of different lengths cannot be averaged')
}

/** Values of a branch; undefined where they depend on a size that is not known. */
function branchWidth(name: string, { terms, head: index }: PoolBranch, spec: EncoderSpec, tokens: number | undefined): number | undefined {
  if (terms.length === 0) throw unavailable(name, 'a branch without terms')
  for (const { row, count } of terms) {
    const end = count === -1 ? (tokens ?? Number.POSITIVE_INFINITY) : row + count
    if (row < 0 || count < -1 || row >= end || end > (tokens ?? end)) throw unavailable(name, `rows ${row} to ${end} of ${tokens} tokens`)
  }
  const rows = terms.map((term) => rowsOf(term, tokens))
  const width = rows.includes(undefined) ? undefined : rows.reduce<number>((sum, n) => sum + n!, 0) * spec.dim
  if (index === -1) return width
  const head = spec.headsOut[index]
  if (!head) throw unavailable(name, `there is no head ${index}`)
  if (head.in !== width) throw unavailable(name, `head ${head.name} reads ${head.in} values, its terms have ${width ?? 'any number'}`)
  return head.out
}

/** What the graph says of an output's shape. */
export function outputPort(name: string, output: Output, spec: EncoderSpec, tokens: number | undefined): Port {
  const prefix = spec.prefix.reduce((rows, entry) => rows + entry.rows, 0)
  const dims = (...rest: Port['dims']): Port => ({ name, type: 'float32', dims: ['batch', ...rest] })
  if (output.kind === 'attention') return dims(spec.heads, tokens === undefined ? 'patches' : tokens - prefix)
  const branch = output.branches[0]!
  const lone = loneRows(branch)
  if (lone) return dims(rowsOf(lone, tokens) ?? (lone.row === 0 ? 'tokens' : `tokens - ${lone.row}`), spec.dim)
  return dims(branchWidth(name, branch, spec, tokens) ?? `${name} width`)
}

/** The tokens after some block, read by any number of outputs; what they share is computed once. */
export class Readout {
  private readonly values = new Map<string, string>()

  /** `whole`: some output reads all rows after the final norm, so that the norm is taken of all at once. */
  constructor(
    private readonly g: Builder,
    private readonly spec: EncoderSpec,
    private readonly stream: string,
    private readonly whole: boolean,
  ) {}

  /** The name of the finished value. */
  output(output: PoolOutput): string {
    const { g, spec } = this
    const { branches, normalize } = output
    const lone = loneRows(branches[0]!)
    if (branches.length === 1 && lone) return normalize ? this.unitLength(this.rows(lone)) : this.rows(lone)
    let sum: string | undefined
    for (const branch of branches) {
      const value = this.branch(branch)
      sum = sum === undefined ? value : g.add('Add', [sum, value])
    }
    let result = branches.length === 1 ? sum! : g.add('Mul', [sum!, g.scalar(1 / branches.length, 'float32')])
    if (normalize) result = this.unitLength(result)
    return lone ? g.reshape(result, [0, -1, spec.dim]) : result
  }

  /** [B, width]: terms side by side, through the head. */
  private branch({ terms, head: index }: PoolBranch): string {
    const { g } = this
    const flat = g.concat(
      terms.map((term) => g.reshape(this.rows(term), [0, -1])),
      1,
    )
    const head = this.spec.headsOut[index]
    if (!head) return flat
    return activate(g, head.activation, g.linear(`heads.${index}`, flat, head.linear, [head.in, head.out], 'float32'), 'float32')
  }

  /** The rows of a term, or their mean: float32 [B, rows, D]. */
  private rows(term: PoolTerm): string {
    const { g } = this
    const cut = (x: string) =>
      term.row === 0 && term.count === -1 ? x : g.rows(x, term.row, term.count === -1 ? END : term.row + term.count, 1)
    const rows = this.once(`rows ${term.row} ${term.count} ${term.afterNorm}`, () => {
      if (!term.afterNorm) return g.cast(cut(this.stream), g.type, 'float32')
      return this.whole ? cut(this.once('normed', () => this.normed(this.stream))) : this.normed(cut(this.stream))
    })
    return term.mean
      ? this.once(`mean ${rows}`, () =>
          g.add('ReduceMean', [rows], {
            attributes: [
              { name: 'axes', ints: [1] },
              { name: 'keepdims', int: 1 },
            ],
          }),
        )
      : rows
  }

  private normed(x: string): string {
    const { g, spec } = this
    const wide = g.cast(x, g.type, 'float32')
    return spec.finalNorm ? g.norm('finalNorm', wide, spec.finalNorm, spec.dim, spec.eps, 'float32') : wide
  }

  /** Along the last axis; a vector of zeros stays one. */
  private unitLength(x: string): string {
    const { g } = this
    const length = g.add('ReduceL2', [x], {
      attributes: [
        { name: 'axes', ints: [-1] },
        { name: 'keepdims', int: 1 },
      ],
    })
    return g.add('Div', [x, g.add('Max', [length, g.scalar(1e-30, 'float32')])])
  }

  private once(key: string, make: () => string): string {
    const known = this.values.get(key)
    if (known !== undefined) return known
    const value = make()
    this.values.set(key, value)
    return value
  }
}
