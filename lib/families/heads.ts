// How many attention heads: tensor shapes cannot say. Before it: a family's file; after it: nothing.
import { VitrineError } from '../errors'
import type { Config } from './config'
import type { CheckpointSource } from './family'

/**
 * The `heads` option, else the config's field, else vitrine.json, else the family's rule; ERR_HEADS_UNKNOWN where none of them says.
 * Heads that do not divide the width are an error that names who said so.
 */
export function headCount(
  source: CheckpointSource,
  dim: number,
  config: Config | undefined,
  field: string,
  rule: number | undefined,
): number {
  const check = (heads: number, refuse: (message: string) => VitrineError) => {
    if (Number.isSafeInteger(heads) && heads >= 1 && dim % heads === 0) return heads
    throw refuse(`a number that divides the width ${dim}`)
  }
  const option = (who: string, found: number) => (expected: string) =>
    new VitrineError('ERR_OPTION_INVALID', `${who} must be ${expected} of ${source.name}, found ${found}`)

  if (source.heads !== undefined) return check(source.heads, option("option 'heads'", source.heads))
  if (config?.has(field)) return check(config.integer(field, 1), (expected) => config.mismatch(field, expected, `width ${dim}`))
  if (source.declaredHeads !== undefined)
    return check(source.declaredHeads, option(`heads in ${source.declaredName}`, source.declaredHeads))
  if (rule !== undefined) {
    if (!config) return rule
    return check(rule, (expected) => config.mismatch(field, `${rule} (the default), ${expected}`, `width ${dim}`))
  }
  throw new VitrineError(
    'ERR_HEADS_UNKNOWN',
    `${source.name}: nothing says how many attention heads a width of ${dim} has here: give the option 'heads', or a vitrine.json with "heads" beside the weights`,
  )
}
