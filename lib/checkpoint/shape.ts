// What the calls need to know of a checkpoint, whichever kind it is: weights that a family gave roles, or an ONNX graph as it stands.
// Before it: open.ts and onnx.ts, which make one; after it: size.ts, plan.ts, pooling.ts and info.ts, which read nothing else.
import type { Size } from '../families/family'
import type { EncoderSpec } from '../spec'

/** A field is undefined where neither a graph nor its config says it. */
export interface Shape {
  /** Width of a token, D. */
  dim: number | undefined
  layers: number | undefined
  heads: number | undefined
  patch: Size | undefined
  /** Tokens before the patches: CLS, distillation, registers. */
  prefixRows: number | undefined
  /** Whether tokens after the final norm can be had. */
  tokens: boolean
  /** Whether blocks and their attention can be read: not in a graph that somebody else wrote. */
  blocks: boolean
  /** Poolers, projections and classifiers, by the index that a PoolBranch has for one: their names and widths. */
  outs: readonly { name: string; out: number }[]
  /** The one size, and its number of tokens, that a graph was exported for. */
  fixed: { size: Size; tokens: number | undefined } | undefined
}

export function shapeOf(spec: Omit<EncoderSpec, 'files' | 'mean' | 'std' | 'rescale'>): Shape {
  return {
    dim: spec.dim,
    layers: spec.blocks.length,
    heads: spec.heads,
    patch: { height: spec.patchHeight, width: spec.patchWidth },
    prefixRows: spec.prefix.reduce((sum, token) => sum + token.rows, 0),
    tokens: true,
    blocks: true,
    outs: spec.headsOut,
    fixed: undefined,
  }
}

/** Patches down and across; undefined where the patch is not known. */
export function gridOf({ patch }: Shape, size: Size): Size | undefined {
  return patch && { height: size.height / patch.height, width: size.width / patch.width }
}

/** Token rows of one image, prefix included; undefined where they cannot be known beforehand. */
export function tokensOf(shape: Shape, size: Size): number | undefined {
  if (shape.fixed?.tokens !== undefined) return shape.fixed.tokens
  const grid = gridOf(shape, size)
  return grid && shape.prefixRows !== undefined ? shape.prefixRows + grid.height * grid.width : undefined
}
