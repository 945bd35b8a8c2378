// ONNX Runtime's operators (com.microsoft) by their definitions, for the evaluator of onnx.ts.
import type { Node } from '../../lib/onnx/graph'
import { erf, float, ints, layerNorm, matMul, pairwise, perRow, reshape, slice, softmax, transpose, type Value } from './onnx'

const add = (a: Value, b: Value | undefined) => (b ? pairwise(a, b, (x, y) => x + y) : a)
const map = (x: Value, f: (v: number) => number): Value => ({ dims: x.dims, data: x.data.map(f) })
const gelu = (v: number) => (v / 2) * (1 + erf(v / Math.SQRT2))
const tanhGelu = (v: number) => (v / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))

/** x [B, T, D] · weights [D, 3 · H · K] + bias, then heads; columns q, k, v. */
function attention(node: Node, x: Value, weights: Value, bias: Value): Value {
  const [heads] = ints(node, 'num_heads') as [number]
  const qkv = add(matMul(x, weights), bias)
  const width = qkv.dims[2]! / 3
  const part = (i: number) => {
    const rows = slice(qkv, i * width, (i + 1) * width, 2)
    return transpose(reshape(rows, Float64Array.of(0, 0, heads, width / heads)), [0, 2, 1, 3])
  }
  const scores = map(matMul(part(0), transpose(part(1), [0, 1, 3, 2])), (v) => v / Math.sqrt(width / heads))
  const mixed = matMul(perRow(scores, softmax), part(2))
  return reshape(transpose(mixed, [0, 2, 1, 3]), Float64Array.of(0, 0, width))
}

export const fusedOperators: Record<string, (node: Node, inputs: Value[]) => Value[]> = {
  Attention: (node, [x, weights, bias]) => [attention(node, x!, weights!, bias!)],
  SkipLayerNormalization(node, [x, skip, gamma, beta, bias]) {
    const sum = add(add(x!, skip!), bias)
    return [layerNorm(node, sum, gamma!, beta!), sum, sum, sum]
  },
  BiasGelu: (_, [x, bias]) => [map(add(x!, bias), gelu)],
  FastGelu: (_, [x, bias]) => [map(add(x!, bias), tanhGelu)],
  Gelu: (_, [x]) => [map(x!, gelu)],
  QuickGelu: (node, [x]) => [map(x!, (v) => v / (1 + Math.exp(-float(node, 'alpha') * v)))],
}
