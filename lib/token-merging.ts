// Option tokenMerging → tokens to merge away by block, and how many are left. Before it: model.ts; after it: plan.ts and call.ts. What merging
// is, native/engine/token_merge.h says.
import type { Shape } from './checkpoint/shape'
import { VitrineError } from './errors'
import type { MergeSchedule } from './spec'

/** Tokens to merge away in each block; or by block, the first first: blocks behind the end merge none. */
export type TokenMerging = number | readonly number[]

/** What checked calls that take the option have. */
export interface MergingChoice {
  tokenMerging?: TokenMerging | undefined
}

/** Undefined where nothing merges. ERR_OPTION_INVALID where there are more numbers than blocks, or no blocks that could merge. */
export function mergeSchedule(
  { file, shape }: { file: string; shape: Pick<Shape, 'blocks' | 'layers' | 'prefixRows'> },
  { tokenMerging }: MergingChoice,
): MergeSchedule | undefined {
  const given = typeof tokenMerging === 'number' ? [tokenMerging] : (tokenMerging ?? [])
  if (!given.some((r) => r > 0)) return undefined
  if (!shape.blocks || shape.layers === undefined || shape.prefixRows === undefined) {
    throw new VitrineError(
      'ERR_OPTION_INVALID',
      `option 'tokenMerging' merges inside the encoder, and of the ONNX graph ${file} vitrine sees the outputs alone; load the checkpoint's safetensors instead`,
    )
  }
  if (typeof tokenMerging === 'number') return new Array<number>(shape.layers).fill(tokenMerging)
  if (given.length <= shape.layers) return given
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `option 'tokenMerging' must hold at most one number for each of the ${shape.layers} blocks of ${file}, found ${given.length}`,
  )
}

/** Of `tokens`, prefix included, those that are left after `layer` blocks (-1: all): at most half of the patches merge in one block. */
export function tokensLeft(schedule: MergeSchedule | undefined, tokens: number, prefixRows: number, layer: number): number {
  const merging = layer === -1 ? schedule : schedule?.slice(0, layer)
  return (merging ?? []).reduce((left, r) => left - Math.min(r, Math.floor((left - prefixRows) / 2)), tokens)
}
