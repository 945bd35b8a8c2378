// Poolers, projections and classifiers behind an encoder. Before it: a family's file; after it: nothing.
import type { Activation, EncoderSpec, PoolBranch, PoolTerm } from '../spec'
import type { Config } from './config'
import type { View } from './encoder'

type Spec = Pick<EncoderSpec, 'dim' | 'headsOut'>

/** Adds a linear head to the spec where the file has one; gives the branch that sends `terms` through it. */
export function addHead(
  spec: Spec,
  view: View,
  name: string,
  terms: PoolTerm[],
  options: { activation?: Activation; bias?: boolean } = {},
): PoolBranch | undefined {
  if (!view.has([name], '.weight')) return undefined
  const width = spec.dim * terms.length
  const out = view.shape([name], '.weight')[0] ?? 0
  const linear = view.linear([name], out, width, options.bias ?? true)
  spec.headsOut.push({ name: view.prefix + name, linear, activation: options.activation ?? 'none', in: width, out })
  return { terms, head: spec.headsOut.length - 1 }
}

/** What a head's rows must be by the config; ERR_CONFIG_MISMATCH otherwise. */
export function expectRows(spec: Spec, branch: PoolBranch | undefined, config: Config, field: string, rows: number | undefined): void {
  if (!branch || rows === undefined) return
  const head = spec.headsOut[branch.head]!
  if (head.out !== rows) throw config.mismatch(field, `${rows} rows of ${head.name}.weight`, `${head.out}`)
}
