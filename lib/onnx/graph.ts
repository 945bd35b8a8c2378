// EncoderSpec → ONNX graph (opset 17, any batch size). Before it: families/, which make the spec; after it: embedding.ts, blocks.ts and
// outputs.ts, which write its parts, in this order; then values.ts, which reads the weights, and proto.ts, which puts both into a message.
// Nothing here knows a family. Standard operators are written as torch.onnx.export writes them, so that ONNX Runtime fuses them the same way.
import { VitrineError } from '../errors'
import type { Size } from '../families/family'
import type { EncoderSpec, Output, PositionResize, Tensor } from '../spec'
import { addBlock, Stream } from './blocks'
import { Builder } from './builder'
import { embed, gridOf } from './embedding'
import { checkOutput, outputPort, type PoolOutput, Readout } from './outputs'

export type FloatType = 'float32' | 'float16' | 'bfloat16'
export type Attribute = { name: string } & ({ int: number } | { float: number } | { ints: number[] })

export interface Node {
  op: string
  /** '' is the standard's. */
  domain: '' | 'com.microsoft'
  inputs: string[]
  /** '' where an output is left out. */
  output: string[]
  attributes: Attribute[]
}

/**
 * A weight of the checkpoint: its parts concatenated along the first axis, then `transpose`d where it is a matrix that ONNX wants [in, out];
 * `dims` are those of the result. With `grid`, the table that `tensor` holds for the stored grid, resized to the wanted one.
 */
export interface Weight {
  name: string
  dims: number[]
  tensor: Tensor
  transpose: boolean
  type: FloatType
  grid?: { stored: Size; wanted: Size; resize: PositionResize }
}
export type Constant = { name: string; dims: number[] } & ({ int64: number[] } | { float: number[]; type: FloatType })

export interface Port {
  name: string
  type: 'float32' | 'uint8'
  /** A string is a dimension that may take any size. */
  dims: (number | string)[]
}

export interface Graph {
  nodes: Node[]
  weights: Weight[]
  constants: Constant[]
  inputs: Port[]
  outputs: Port[]
}

export interface GraphOptions {
  /** Pixel values [B, 3, H, W], already normalised, or pictures [B, H, W, 3], which the graph normalises in float32. */
  input: 'float32' | 'uint8'
  /** Default 'pixel_values'. */
  inputName?: string
  /** Name → what it is; all of them float32. */
  outputs: Record<string, Output>
  /** Of weights and arithmetic up to the last block. The final norm, pools and heads are float32 in any case. */
  type: FloatType
  /**
   * Operators of ONNX Runtime (com.microsoft: Attention, SkipLayerNormalization, BiasGelu, FastGelu, QuickGelu, Gelu) instead of several
   * standard ones. In bfloat16 they are left out: older releases do not have them in that type.
   */
  fused: boolean
  /**
   * 'weight': the table is in the graph, which is for one size: `size`, or the checkpoint's own. 'input': the caller gives the table of the
   * grid as `position` float32 [1, rows, D], prefix rows first, and the pictures may have any size. Without a table in the checkpoint
   * neither matters: the graph takes any size, unless `size` says which.
   */
  position: 'weight' | 'input'
  /** In pixels, multiples of the patch; with position 'weight'. */
  size?: Size
}

/** The whole encoder. ERR_POOL_UNAVAILABLE where an output reads what the model does not have, ERR_IMAGE_SIZE where `size` is no whole patches. */
export function buildGraph(spec: EncoderSpec, options: GraphOptions): Graph {
  const { size } = options
  if (size && (size.height % spec.patchHeight !== 0 || size.width % spec.patchWidth !== 0 || size.height < 1 || size.width < 1)) {
    const patch = `${spec.patchHeight}×${spec.patchWidth}`
    throw new VitrineError('ERR_IMAGE_SIZE', `ONNX graph: ${size.height}×${size.width} pixels are not made of whole patches of ${patch}`)
  }
  const grid = gridOf(spec, options)
  const tokens = grid && spec.prefix.reduce((rows, entry) => rows + entry.rows, grid.height * grid.width)
  const wanted = Object.entries(options.outputs)
  for (const [name, output] of wanted) checkOutput(name, output, spec, tokens)

  const g = new Builder(options.type, options.fused && options.type !== 'bfloat16')
  const { tokens: embedded, inputs } = embed(g, spec, options)
  const stream = new Stream(g, spec, embedded)
  const last = spec.blocks.length
  const layerOf = (output: Output) => (output.kind === 'attention' || output.layer === -1 ? last : output.layer)
  const depth = Math.max(...wanted.map(([, output]) => layerOf(output)))
  const results = new Map<string, string>()
  for (let layer = 0; ; layer++) {
    const pools = wanted.filter((entry): entry is [string, PoolOutput] => entry[1].kind === 'pool' && layerOf(entry[1]) === layer)
    if (pools.length > 0) {
      const whole = pools.some(([, { branches }]) =>
        branches.some(({ terms }) => terms.some((term) => term.afterNorm && term.count === -1)),
      )
      const readout = new Readout(g, spec, stream.value(), whole)
      for (const [name, output] of pools) results.set(name, readout.output(output))
    }
    if (layer >= depth) break
    const maps = layer + 1 === last ? wanted.filter(([, { kind }]) => kind === 'attention') : []
    const later = wanted.some(([, output]) => output.kind === 'pool' && layerOf(output) > layer)
    const map = addBlock(g, spec, layer, stream, { tokens: later || maps.length === 0, map: maps.length > 0 })
    for (const [name] of maps) results.set(name, map!)
  }
  for (const [name] of wanted) g.add('Identity', [results.get(name)!], { output: [name] })
  return g.finish(
    inputs,
    wanted.map(([name, output]) => outputPort(name, output, spec, tokens)),
  )
}
