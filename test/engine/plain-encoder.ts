// The encoder once more, in double and in plain loops, from the spec alone: what the engine is compared with.
import type { Activation, EncoderSpec, Linear, Norm, Output } from '../../lib/spec'
import { plainMerge } from './plain-merge'
import type { RandomModel } from './random-model'

export type Rows = Float64Array[]

/** Tokens after a number of blocks, and how many patches each stands for. */
interface State {
  rows: Rows
  sizes: number[]
}

/** Pixel values [3, height, width] → one result per output; `merging` tokens are merged away by block. */
export function plainEncode(
  model: RandomModel,
  pixels: ArrayLike<number>,
  height: number,
  width: number,
  outputs: Output[],
  merging: readonly number[] = [],
): number[][] {
  const { spec } = model
  const embedded = embed(model, pixels, height, width)
  const states: State[] = [{ rows: embedded, sizes: embedded.map(() => 1) }]
  let attention: Float64Array[] = []
  for (const [i, block] of spec.blocks.entries()) {
    let { rows, sizes } = states.at(-1)!
    rows = rows.map((row) => row.slice())
    const normed = rows.map((row) => layerNorm(model, block.norm1, row))
    const qkv = multiply(model, block.qkv, normed)
    const mixed = attend(spec, qkv, sizes)
    attention = mixed.attention
    add(rows, multiply(model, block.projection, mixed.rows), block.scale1 && model.values(block.scale1))
    ;({ rows, sizes } = plainMerge(rows, sizes, meanKeys(spec, qkv), prefixRows(spec), merging[i] ?? 0))
    const hidden = multiply(
      model,
      block.fc1,
      rows.map((row) => layerNorm(model, block.norm2, row)),
    )
    const activated = hidden.map((row) => {
      const gate = row.subarray(0, spec.mlpWidth).map((value) => activate(spec.activation, value))
      return spec.glu ? gate.map((value, i) => value * row[spec.mlpWidth + i]!) : gate
    })
    add(rows, multiply(model, block.fc2, activated), block.scale2 && model.values(block.scale2))
    states.push({ rows, sizes })
  }
  return outputs.map((output) => {
    if (output.kind === 'attention') return attention.flatMap((weights) => [...weights.subarray(prefixRows(spec))])
    return pool(model, states[output.layer === -1 ? spec.blocks.length : output.layer]!, output)
  })
}

export const prefixRows = (spec: EncoderSpec) => spec.prefix.reduce((rows, token) => rows + token.rows, 0)

function embed(model: RandomModel, pixels: ArrayLike<number>, height: number, width: number): Rows {
  const { spec } = model
  const { patchHeight, patchWidth, dim } = spec
  const weight = model.values(spec.patch.weight)
  const bias = spec.patch.bias && model.values(spec.patch.bias)
  const table = spec.position && model.values(spec.position.table)
  const rows: Rows = []
  let positionRow = 0
  for (const token of spec.prefix) {
    const value = model.values(token.value)
    for (let r = 0; r < token.rows; r++) {
      const position = table && token.position ? table.subarray(positionRow * dim, ++positionRow * dim) : undefined
      rows.push(Float64Array.from({ length: dim }, (_, d) => value[r * dim + d]! + (position?.[d] ?? 0)))
    }
  }
  for (let y = 0; y < height / patchHeight; y++) {
    for (let x = 0; x < width / patchWidth; x++) {
      const row = new Float64Array(dim)
      for (let d = 0; d < dim; d++) {
        let sum = bias?.[d] ?? 0
        let k = d * 3 * patchHeight * patchWidth
        for (let c = 0; c < 3; c++)
          for (let i = 0; i < patchHeight; i++)
            for (let j = 0; j < patchWidth; j++)
              sum += weight[k++]! * pixels[(c * height + y * patchHeight + i) * width + x * patchWidth + j]!
        row[d] = sum + (table?.[(positionRow + y * (width / patchWidth) + x) * dim + d] ?? 0)
      }
      rows.push(row)
    }
  }
  return spec.preNorm ? rows.map((row) => layerNorm(model, spec.preNorm!, row)) : rows
}

function layerNorm(model: RandomModel, norm: Norm, row: Float64Array): Float64Array {
  const [gamma, beta] = [model.values(norm.gamma), model.values(norm.beta)]
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length
  return row.map((value, d) => ((value - mean) / Math.sqrt(variance + Math.fround(model.spec.eps))) * gamma[d]! + beta[d]!)
}

function multiply(model: RandomModel, linear: Linear, rows: Rows): Rows {
  const weight = model.values(linear.weight)
  const bias = linear.bias && model.values(linear.bias)
  const k = rows[0]!.length
  const n = weight.length / k
  return rows.map((row) =>
    Float64Array.from({ length: n }, (_, j) => {
      let sum = bias?.[j] ?? 0
      for (let i = 0; i < k; i++) sum += row[i]! * weight[j * k + i]!
      return sum
    }),
  )
}

function add(rows: Rows, branch: Rows, scale: Float32Array | undefined): void {
  rows.forEach((row, t) => {
    for (let d = 0; d < row.length; d++) row[d]! += (scale?.[d] ?? 1) * branch[t]![d]!
  })
}

/** The key of each token, averaged over heads. */
function meanKeys({ heads, headDim }: EncoderSpec, qkv: Rows): Rows {
  return qkv.map((row) =>
    Float64Array.from({ length: headDim }, (_, d) => {
      let sum = 0
      for (let h = 0; h < heads; h++) sum += row[(heads + h) * headDim + d]!
      return sum / heads
    }),
  )
}

function attend(spec: EncoderSpec, qkv: Rows, sizes: number[]): { rows: Rows; attention: Float64Array[] } {
  const { heads, headDim } = spec
  const inner = heads * headDim
  const rows = qkv.map(() => new Float64Array(inner))
  const attention: Float64Array[] = []
  for (let h = 0; h < heads; h++) {
    qkv.forEach((query, t) => {
      const scores = Float64Array.from(qkv, (key, s) => {
        let sum = 0
        for (let d = 0; d < headDim; d++) sum += query[h * headDim + d]! * key[inner + h * headDim + d]!
        return sum / Math.sqrt(headDim) + Math.log(sizes[s]!)
      })
      const largest = Math.max(...scores)
      const weights = scores.map((score) => Math.exp(score - largest))
      const total = weights.reduce((sum, value) => sum + value, 0)
      for (let d = 0; d < headDim; d++) {
        rows[t]![h * headDim + d] = qkv.reduce((sum, value, s) => sum + (weights[s]! / total) * value[2 * inner + h * headDim + d]!, 0)
      }
      if (t === 0) attention.push(weights.map((value) => value / total))
    })
  }
  return { rows, attention }
}

function pool(model: RandomModel, { rows, sizes }: State, output: Extract<Output, { kind: 'pool' }>): number[] {
  const { spec } = model
  const branches = output.branches.map((branch) => {
    const values = branch.terms.flatMap((term) => {
      const read = rows
        .slice(term.row, term.count === -1 ? undefined : term.row + term.count)
        .map((row) => (term.afterNorm && spec.finalNorm ? layerNorm(model, spec.finalNorm, row) : row))
      if (!term.mean) return read.flatMap((row) => [...row])
      const weights = sizes.slice(term.row, term.count === -1 ? undefined : term.row + term.count)
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      return Array.from({ length: spec.dim }, (_, d) => read.reduce((sum, row, t) => sum + weights[t]! * row[d]!, 0) / total)
    })
    if (branch.head === -1) return values
    const head = spec.headsOut[branch.head]!
    return [...multiply(model, head.linear, [Float64Array.from(values)])[0]!].map((value) => activate(head.activation, value))
  })
  const mean = branches[0]!.map((_, i) => branches.reduce((sum, branch) => sum + branch[i]!, 0) / branches.length)
  if (!output.normalize) return mean
  // Lone rows as they are stay vectors of their own.
  const [branch] = output.branches
  const alone = output.branches.length === 1 && branch!.head === -1 && branch!.terms.length === 1 && !branch!.terms[0]!.mean
  const width = alone ? spec.dim : mean.length
  return mean.map((value, i) => {
    const vector = mean.slice(i - (i % width), i - (i % width) + width)
    return value / Math.sqrt(vector.reduce((sum, other) => sum + other * other, 0))
  })
}

function activate(activation: Activation, x: number): number {
  switch (activation) {
    case 'none':
      return x
    case 'gelu':
      return (x / 2) * (1 + erf(x / Math.SQRT2))
    case 'gelu_tanh':
      return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    case 'quick_gelu':
      return x / (1 + Math.exp(-1.702 * x))
    case 'relu':
      return Math.max(x, 0)
    case 'silu':
      return x / (1 + Math.exp(-x))
    case 'tanh':
      return Math.tanh(x)
  }
}

/** By its Maclaurin series where that converges quickly, else by 1: the values here are small. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
