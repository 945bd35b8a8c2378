// EncoderSpec → ONNX graph (opset 17, any batch size). Before it: families/, which make the spec; after it: values.ts, which reads the
// weights, and proto.ts, which puts both into one message. Nothing here knows a family. Each step is written as torch.onnx.export
// writes it, so that ONNX Runtime fuses it the same way (LayerNormalization, BiasGelu, FusedMatMul, SkipLayerNormalization).
// Letters: B images, T tokens, P prefix rows, N patches, D width, H heads, K head dim, F MLP width.
import { VitrineError } from '../errors'
import type { Activation, Block, EncoderSpec, Linear, Norm, Tensor } from '../spec'

export type Attribute = { name: string } & ({ int: number } | { float: number } | { ints: number[] })

export interface Node {
  op: string
  inputs: string[]
  output: string[]
  attributes: Attribute[]
}

/** A weight of the checkpoint: its parts concatenated along the first axis, then `transpose`d where it is a matrix that ONNX wants [in, out]. */
export interface Weight {
  name: string
  dims: number[]
  tensor: Tensor
  transpose: boolean
}
export type Constant = { name: string; dims: number[] } & ({ int64: number[] } | { float: number[] })

export interface Port {
  name: string
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

/** What the graph gives: all tokens after the final norm [B, T, D], or row 0 of them [B, D]. */
export type GraphOutput = 'tokens' | 'cls'

export interface GraphOptions {
  /** Name of the input [B, 3, height, width]. */
  input: string
  /** Output name → what it is. */
  outputs: Record<string, GraphOutput>
}

/** The nodes so far; every `add` returns the name of its (first) output. */
class Builder {
  readonly nodes: Node[] = []
  readonly weights: Weight[] = []
  readonly constants = new Map<string, Constant>()
  private count = 0

  add(op: string, inputs: string[], attributes: Attribute[] = [], output = `${op}_${this.count++}`): string {
    this.nodes.push({ op, inputs, output: [output], attributes })
    return output
  }
  split(input: string, sizes: number[], axis: number): string[] {
    const output = sizes.map((_, i) => `Split_${this.count}_${i}`)
    this.count++
    this.nodes.push({ op: 'Split', inputs: [input, this.ints(sizes)], output, attributes: [{ name: 'axis', int: axis }] })
    return output
  }
  weight(name: string, tensor: Tensor, dims: number[], transpose = false): string {
    this.weights.push({ name, dims, tensor, transpose })
    return name
  }
  ints(values: number[]): string {
    const name = `ints_${values.join('_')}`
    this.constants.set(name, { name, dims: [values.length], int64: values })
    return name
  }
  scalar(value: number): string {
    const name = `float_${value}`
    this.constants.set(name, { name, dims: [], float: [value] })
    return name
  }

  reshape(input: string, dims: number[]): string {
    return this.add('Reshape', [input, this.ints(dims)])
  }
  transpose(input: string, perm: number[]): string {
    return this.add('Transpose', [input], [{ name: 'perm', ints: perm }])
  }
  rows(input: string, from: number, to: number, axis: number): string {
    return this.add('Slice', [input, this.ints([from]), this.ints([to]), this.ints([axis])])
  }
  norm(name: string, input: string, norm: Norm, dim: number, eps: number): string {
    const gamma = this.weight(`${name}.gamma`, norm.gamma, [dim])
    const beta = this.weight(`${name}.beta`, norm.beta, [dim])
    return this.add(
      'LayerNormalization',
      [input, gamma, beta],
      [
        { name: 'axis', int: -1 },
        { name: 'epsilon', float: eps },
      ],
    )
  }
  linear(name: string, input: string, linear: Linear, inWidth: number, outWidth: number): string {
    const weight = this.weight(`${name}.weight`, linear.weight, [inWidth, outWidth], true)
    const product = this.add('MatMul', [input, weight])
    return linear.bias ? this.add('Add', [this.weight(`${name}.bias`, linear.bias, [outWidth]), product]) : product
  }
}

/** x → f(x), in the forms that ONNX Runtime's fusions know. */
function activate(g: Builder, kind: Activation, x: string): string {
  switch (kind) {
    case 'none':
      return x
    case 'relu':
      return g.add('Relu', [x])
    case 'tanh':
      return g.add('Tanh', [x])
    case 'silu':
      return g.add('Mul', [x, g.add('Sigmoid', [x])])
    case 'quick_gelu':
      return g.add('Mul', [x, g.add('Sigmoid', [g.add('Mul', [x, g.scalar(1.702)])])])
    case 'gelu': {
      const erf = g.add('Erf', [g.add('Div', [x, g.scalar(Math.SQRT2)])])
      return g.add('Mul', [g.add('Mul', [x, g.add('Add', [erf, g.scalar(1)])]), g.scalar(0.5)])
    }
    case 'gelu_tanh': {
      const cubic = g.add('Add', [x, g.add('Mul', [g.add('Pow', [x, g.scalar(3)]), g.scalar(0.044715)])])
      const tanh = g.add('Tanh', [g.add('Mul', [cubic, g.scalar(Math.sqrt(2 / Math.PI))])])
      return g.add('Mul', [g.add('Mul', [x, g.scalar(0.5)]), g.add('Add', [tanh, g.scalar(1)])])
    }
  }
}

/** [B, 3, height, width] → tokens [B, T, D]: patches by a convolution, positions, prefix rows in front. */
function embed(g: Builder, spec: EncoderSpec, pixels: string, patches: number): string {
  const { dim, patchHeight, patchWidth, patch } = spec
  const kernel = g.weight('patch.weight', patch.weight, [dim, 3, patchHeight, patchWidth])
  const inputs = patch.bias ? [pixels, kernel, g.weight('patch.bias', patch.bias, [dim])] : [pixels, kernel]
  const map = g.add('Conv', inputs, [
    { name: 'kernel_shape', ints: [patchHeight, patchWidth] },
    { name: 'strides', ints: [patchHeight, patchWidth] },
  ])
  let tokens = g.transpose(g.reshape(map, [0, dim, -1]), [0, 2, 1])

  // The table has rows for the prefix entries that carry a position, in order, then for the patches.
  const withPosition = spec.prefix.reduce((rows, entry) => rows + (entry.position ? entry.rows : 0), 0)
  const table = spec.position && g.weight('position', spec.position.table, [1, withPosition + patches, dim])
  if (table) tokens = g.add('Add', [tokens, withPosition > 0 ? g.rows(table, withPosition, withPosition + patches, 1) : table])
  if (spec.prefix.length === 0) return tokens

  let row = 0
  const entries = spec.prefix.map((entry, i) => {
    const value = g.weight(`prefix.${i}`, entry.value, [1, entry.rows, dim])
    if (!entry.position || !table) return value
    row += entry.rows
    return g.add('Add', [value, g.rows(table, row - entry.rows, row, 1)])
  })
  const prefix = entries.length > 1 ? g.add('Concat', entries, [{ name: 'axis', int: 1 }]) : entries[0]!
  const batch = g.rows(g.add('Shape', [pixels]), 0, 1, 0)
  const shape = g.add('Concat', [batch, g.ints([1, 1])], [{ name: 'axis', int: 0 }])
  return g.add('Concat', [g.add('Expand', [prefix, shape]), tokens], [{ name: 'axis', int: 1 }])
}

/** Rows `from`…`to` of a tensor along its first axis; they are contiguous in the file. */
function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
  const out: Tensor = []
  let first = 0
  for (const part of tensor) {
    const shape = 'zeros' in part ? part.zeros : part.shape
    const [start, end] = [Math.max(from - first, 0), Math.min(to - first, shape[0]!)]
    first += shape[0]!
    if (start >= end) continue
    const rest = shape.slice(1)
    const bytes = 'zeros' in part || part.dtype === 'f32' ? 4 : 2
    const offset = start * rest.reduce((product, n) => product * n, bytes)
    const taken = [end - start, ...rest]
    out.push('zeros' in part ? { ...part, zeros: taken } : { ...part, shape: taken, offset: part.offset + offset })
  }
  return out
}

/** softmax(q kᵀ / √K) v over [B, T, D], before the projection: [B, T, H · K]. */
function attend(g: Builder, spec: EncoderSpec, name: string, x: string, { qkv }: Block): string {
  const { dim, heads, headDim } = spec
  const width = heads * headDim
  // Three products: ONNX Runtime is some percent faster with them than with one and a Split (batch 1, measured).
  const part = (letter: string, i: number) => {
    const rows = (tensor: Tensor) => rowsOf(tensor, i * width, (i + 1) * width)
    const linear: Linear = qkv.bias ? { weight: rows(qkv.weight), bias: rows(qkv.bias) } : { weight: rows(qkv.weight) }
    return g.reshape(g.linear(`${name}.${letter}`, x, linear, dim, width), [0, 0, heads, headDim])
  }
  const [q, k, v] = [part('q', 0), part('k', 1), part('v', 2)]
  const scores = g.add('MatMul', [g.transpose(q, [0, 2, 1, 3]), g.transpose(k, [0, 2, 3, 1])])
  const scaled = g.add('Mul', [scores, g.scalar(1 / Math.sqrt(headDim))])
  const weights = g.add('Softmax', [scaled], [{ name: 'axis', int: -1 }])
  const mixed = g.add('MatMul', [weights, g.transpose(v, [0, 2, 1, 3])])
  return g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [0, 0, width])
}

function mlp(g: Builder, spec: EncoderSpec, name: string, x: string, block: Block): string {
  const { dim, mlpWidth, activation, glu } = spec
  const hidden = g.linear(`${name}.fc1`, x, block.fc1, dim, glu ? 2 * mlpWidth : mlpWidth)
  if (!glu) return g.linear(`${name}.fc2`, activate(g, activation, hidden), block.fc2, mlpWidth, dim)
  const [gate, up] = g.split(hidden, [mlpWidth, mlpWidth], 2) as [string, string]
  return g.linear(`${name}.fc2`, g.add('Mul', [activate(g, activation, gate), up]), block.fc2, mlpWidth, dim)
}

function residual(g: Builder, name: string, x: string, branch: string, scale: Tensor | undefined, dim: number): string {
  return g.add('Add', [scale ? g.add('Mul', [branch, g.weight(name, scale, [dim])]) : branch, x])
}

/**
 * The whole encoder at the checkpoint's own grid. Throws ERR_CHECKPOINT_UNSUPPORTED where the spec has no position table to say the
 * grid, and where 'cls' is asked of a model without prefix tokens.
 */
export function buildGraph(spec: EncoderSpec, options: GraphOptions): Graph {
  const grid = spec.position
  if (!grid)
    throw new VitrineError('ERR_CHECKPOINT_UNSUPPORTED', 'ONNX graph: the checkpoint has no position table, so its image size is not known')
  const g = new Builder()
  const { dim, eps } = spec
  const patches = grid.gridHeight * grid.gridWidth
  const tokenCount = patches + spec.prefix.reduce((rows, entry) => rows + entry.rows, 0)

  let x = embed(g, spec, options.input, patches)
  if (spec.preNorm) x = g.norm('preNorm', x, spec.preNorm, dim, eps)
  spec.blocks.forEach((block, i) => {
    const name = `blocks.${i}`
    const attended = attend(g, spec, name, g.norm(`${name}.norm1`, x, block.norm1, dim, eps), block)
    const projected = g.linear(`${name}.projection`, attended, block.projection, spec.heads * spec.headDim, dim)
    x = residual(g, `${name}.scale1`, x, projected, block.scale1, dim)
    const expanded = mlp(g, spec, name, g.norm(`${name}.norm2`, x, block.norm2, dim, eps), block)
    x = residual(g, `${name}.scale2`, x, expanded, block.scale2, dim)
  })
  if (spec.finalNorm) x = g.norm('finalNorm', x, spec.finalNorm, dim, eps)

  const outputs = Object.entries(options.outputs).map(([name, kind]): Port => {
    if (kind === 'tokens') {
      g.add('Identity', [x], [], name)
      return { name, dims: ['batch', tokenCount, dim] }
    }
    if (spec.prefix.length === 0)
      throw new VitrineError('ERR_CHECKPOINT_UNSUPPORTED', `ONNX graph: output ${name}: the model has no CLS token`)
    g.constants.set('row_0', { name: 'row_0', dims: [], int64: [0] })
    g.add('Gather', [x, 'row_0'], [{ name: 'axis', int: 1 }], name)
    return { name, dims: ['batch', dim] }
  })
  const input: Port = { name: options.input, dims: ['batch', 3, grid.gridHeight * spec.patchHeight, grid.gridWidth * spec.patchWidth] }
  return { nodes: g.nodes, weights: g.weights, constants: [...g.constants.values()], inputs: [input], outputs }
}
