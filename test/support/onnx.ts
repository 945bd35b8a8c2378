// Evaluates the graphs of lib/onnx by the definitions of the ONNX operators, slowly and in double precision: the oracle for graph.ts.
import type { Attribute, Graph, Node, Weight } from '../../lib/onnx/graph'
import { fusedOperators } from './onnx-fused'

export interface Value {
  dims: number[]
  data: Float64Array
}

export const count = (dims: number[]) => dims.reduce((product, n) => product * n, 1)
const value = (dims: number[], data: ArrayLike<number>): Value => ({ dims, data: Float64Array.from(data) })

export function float(node: Node, name: string): number {
  const found = node.attributes.find((a) => a.name === name)
  if (!found || !('float' in found)) throw new Error(`${node.op} has no attribute ${name}`)
  return found.float
}

export function ints(node: Node, name: string): number[] {
  const found = node.attributes.find((a) => a.name === name)
  if (!found) throw new Error(`${node.op} has no attribute ${name}`)
  return 'ints' in found ? found.ints : [(found as Extract<Attribute, { int: number }>).int]
}

const strides = (dims: number[]) => dims.map((_, i) => count(dims.slice(i + 1)))

/** Calls visit with the coordinates of every element, in row-major order. */
function each(dims: number[], visit: (at: number[], i: number) => void): void {
  const at = dims.map(() => 0)
  for (let i = 0; i < count(dims); i++) {
    visit(at, i)
    for (let d = dims.length - 1; d >= 0 && ++at[d]! === dims[d]; d--) at[d] = 0
  }
}

/** The element of x that `at` means when x is broadcast to at's rank. */
function broadcast(x: Value, at: number[]): number {
  const skip = at.length - x.dims.length
  return x.data[strides(x.dims).reduce((sum, stride, d) => sum + (x.dims[d] === 1 ? 0 : at[skip + d]! * stride), 0)]!
}

export function pairwise(a: Value, b: Value, f: (a: number, b: number) => number): Value {
  const rank = Math.max(a.dims.length, b.dims.length)
  const pad = (dims: number[]) => [...Array<number>(rank - dims.length).fill(1), ...dims]
  const [left, right] = [pad(a.dims), pad(b.dims)]
  const dims = left.map((n, d) => {
    if (n !== right[d] && n !== 1 && right[d] !== 1) throw new Error(`[${a.dims}] and [${b.dims}] do not broadcast`)
    return Math.max(n, right[d]!)
  })
  const data = new Float64Array(count(dims))
  each(dims, (at, i) => {
    data[i] = f(broadcast(a, at), broadcast(b, at))
  })
  return { dims, data }
}

/** erf by its Maclaurin series, and 1 − a continued fraction where that would cancel. */
export function erf(x: number): number {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  if (z < 2.5) {
    let [term, sum] = [z, z]
    for (let n = 1; Math.abs(term) > 1e-18; n++) {
      term *= -(z * z) / n
      sum += term / (2 * n + 1)
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI)
  }
  let fraction = 0
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction)
  return Math.sign(x) * (1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI)))
}

export function matMul(a: Value, b: Value): Value {
  const [m, k, n] = [a.dims.at(-2)!, a.dims.at(-1)!, b.dims.at(-1)!]
  if (b.dims.at(-2) !== k) throw new Error(`MatMul of [${a.dims}] and [${b.dims}]`)
  const outer = a.dims.slice(0, -2)
  const shared = b.dims.length === 2
  if (!shared && `${b.dims.slice(0, -2)}` !== `${outer}`) throw new Error(`MatMul of [${a.dims}] and [${b.dims}]`)
  const data = new Float64Array(count(outer) * m * n)
  for (let batch = 0; batch < count(outer); batch++) {
    const base = shared ? 0 : batch * k * n
    for (let row = 0; row < m; row++) {
      const to = (batch * m + row) * n
      for (let i = 0; i < k; i++) {
        const factor = a.data[(batch * m + row) * k + i]!
        for (let column = 0; column < n; column++) data[to + column]! += factor * b.data[base + i * n + column]!
      }
    }
  }
  return { dims: [...outer, m, n], data }
}

/** Only what a patch embedding is: the stride equals the kernel, no padding. */
function conv(node: Node, x: Value, kernel: Value, bias: Value | undefined): Value {
  const [height, width] = ints(node, 'kernel_shape') as [number, number]
  if (`${ints(node, 'strides')}` !== `${[height, width]}`) throw new Error('Conv: strides differ from the kernel')
  const [images, channels, rows, columns] = x.dims as [number, number, number, number]
  const dims = [images, kernel.dims[0]!, Math.floor(rows / height), Math.floor(columns / width)]
  const data = new Float64Array(count(dims))
  each(dims, ([b, o, r, c], i) => {
    let sum = bias ? bias.data[o!]! : 0
    each([channels, height, width], ([channel, dy, dx], k) => {
      const pixel = ((b! * channels + channel!) * rows + r! * height + dy!) * columns + c! * width + dx!
      sum += x.data[pixel]! * kernel.data[o! * channels * height * width + k]!
    })
    data[i] = sum
  })
  return { dims, data }
}

/** Sums of f over one axis, which stays with length 1. */
function reduce(x: Value, axis: number, f: (v: number) => number): Value {
  const at = axis < 0 ? axis + x.dims.length : axis
  const dims = x.dims.with(at, 1)
  const data = new Float64Array(count(dims))
  const steps = strides(dims)
  each(x.dims, (place, i) => {
    data[steps.reduce((sum, stride, d) => sum + (d === at ? 0 : place[d]! * stride), 0)]! += f(x.data[i]!)
  })
  return { dims, data }
}

/** Rows of the last axis through f. */
export function perRow(x: Value, f: (row: Float64Array) => Float64Array): Value {
  const width = x.dims.at(-1)!
  const data = new Float64Array(x.data.length)
  for (let at = 0; at < data.length; at += width) data.set(f(x.data.subarray(at, at + width)), at)
  return { dims: x.dims, data }
}

export function layerNorm(node: Node, x: Value, gamma: Value, beta: Value): Value {
  const epsilon = float(node, 'epsilon')
  return perRow(x, (row) => {
    const mean = row.reduce((a, b) => a + b) / row.length
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + epsilon)) * gamma.data[i]! + beta.data[i]!)
  })
}

export function softmax(row: Float64Array): Float64Array {
  const most = Math.max(...row)
  const powers = row.map((v) => Math.exp(v - most))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((v) => v / sum)
}

export function slice(x: Value, from: number, to: number, axis: number): Value {
  const dims = x.dims.with(axis, Math.min(to, x.dims[axis]!) - from)
  const data = new Float64Array(count(dims))
  each(dims, (at, i) => {
    data[i] = broadcast(x, at.with(axis, at[axis]! + from))
  })
  return { dims, data }
}

function concat(parts: Value[], axis: number): Value {
  const dims = parts[0]!.dims.with(
    axis,
    parts.reduce((sum, part) => sum + part.dims[axis]!, 0),
  )
  const data = new Float64Array(count(dims))
  each(dims, (at, i) => {
    let index = at[axis]!
    const part = parts.find(({ dims }) => {
      if (index < dims[axis]!) return true
      index -= dims[axis]!
      return false
    })!
    data[i] = part.data[strides(part.dims).reduce((sum, stride, d) => sum + (d === axis ? index : at[d]!) * stride, 0)]!
  })
  return { dims, data }
}

export function reshape(x: Value, wanted: Float64Array): Value {
  const dims = [...wanted].map((n, d) => (n === 0 ? x.dims[d]! : n))
  const known = dims.reduce((product, n) => (n === -1 ? product : product * n), 1)
  const full = dims.map((n) => (n === -1 ? x.data.length / known : n))
  if (count(full) !== x.data.length) throw new Error(`Reshape of [${x.dims}] to [${wanted}]`)
  return { dims: full, data: x.data }
}

export function transpose(x: Value, perm: number[]): Value {
  const dims = perm.map((d) => x.dims[d]!)
  const steps = strides(x.dims)
  const data = new Float64Array(x.data.length)
  each(dims, (at, i) => {
    data[i] = x.data[at.reduce((sum, n, d) => sum + n * steps[perm[d]!]!, 0)]!
  })
  return { dims, data }
}

function compute(node: Node, [x, y, z]: [Value, Value, Value]): Value[] {
  const map = (f: (v: number) => number): Value[] => [{ dims: x.dims, data: x.data.map(f) }]
  switch (node.op) {
    case 'Add':
      return [pairwise(x, y, (a, b) => a + b)]
    case 'Mul':
      return [pairwise(x, y, (a, b) => a * b)]
    case 'Div':
      return [pairwise(x, y, (a, b) => a / b)]
    case 'Pow':
      return [pairwise(x, y, (a, b) => a ** b)]
    case 'Max':
      return [pairwise(x, y, Math.max)]
    case 'Cast':
      // Types are left out: everything here is double.
      return [x]
    case 'ReduceMean': {
      const [axis] = ints(node, 'axes') as [number]
      const n = x.dims.at(axis)!
      return [reduce(x, axis, (v) => v / n)]
    }
    case 'ReduceL2': {
      const { dims, data } = reduce(x, ints(node, 'axes')[0]!, (v) => v * v)
      return [{ dims, data: data.map(Math.sqrt) }]
    }
    case 'Erf':
      return map(erf)
    case 'Tanh':
      return map(Math.tanh)
    case 'Sigmoid':
      return map((v) => 1 / (1 + Math.exp(-v)))
    case 'Relu':
      return map((v) => Math.max(v, 0))
    case 'Identity':
      return [x]
    case 'MatMul':
      return [matMul(x, y)]
    case 'Conv':
      return [conv(node, x, y, z)]
    case 'LayerNormalization':
      return [layerNorm(node, x, y, z)]
    case 'Softmax':
      return [perRow(x, softmax)]
    case 'Reshape':
      return [reshape(x, y.data)]
    case 'Transpose':
      return [transpose(x, ints(node, 'perm'))]
    case 'Shape':
      return [value([x.dims.length], x.dims)]
    case 'Expand':
      return [pairwise(x, { dims: [...y.data], data: new Float64Array(count([...y.data])) }, (a) => a)]
    default:
      throw new Error(`no rule for ${node.op}`)
  }
}

/** Runs the graph; `read` gives a weight's values in its dims. */
export async function evaluate(
  graph: Graph,
  read: (weight: Weight) => Promise<Float32Array>,
  inputs: Record<string, Value>,
): Promise<Record<string, Value>> {
  const values = new Map(Object.entries(inputs))
  const define = (name: string, v: Value) => {
    if (values.has(name)) throw new Error(`${name} is defined twice`)
    if (count(v.dims) !== v.data.length || v.data.length === 0) throw new Error(`${name}: ${v.data.length} values in [${v.dims}]`)
    values.set(name, v)
  }
  for (const c of graph.constants) define(c.name, value(c.dims, 'int64' in c ? c.int64 : c.float))
  for (const weight of graph.weights) define(weight.name, value(weight.dims, await read(weight)))
  for (const node of graph.nodes) {
    const arguments_ = node.inputs.map((name) => {
      const found = values.get(name)
      if (!found) throw new Error(`${node.op} reads ${name}, which nothing defines before it`)
      return found
    })
    let results: Value[]
    const fused = node.domain === '' ? undefined : fusedOperators[node.op]
    if (fused) results = fused(node, arguments_)
    else if (node.domain !== '') throw new Error(`no rule for ${node.domain} ${node.op}`)
    else if (node.op === 'Slice') {
      const [x, from, to, axis] = arguments_ as [Value, Value, Value, Value]
      results = [slice(x, from.data[0]!, to.data[0]!, axis.data[0]!)]
    } else if (node.op === 'Concat') {
      results = [concat(arguments_, ints(node, 'axis')[0]!)]
    } else if (node.op === 'Split') {
      const [x, sizes] = arguments_ as [Value, Value]
      const [axis] = ints(node, 'axis') as [number]
      results = [...sizes.data].map((size, i) => {
        const from = sizes.data.subarray(0, i).reduce((a, b) => a + b, 0)
        return slice(x, from, from + size, axis)
      })
    } else {
      results = compute(node, arguments_ as [Value, Value, Value])
    }
    node.output.forEach((name, i) => {
      if (name !== '') define(name, results[i]!)
    })
  }
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name)!]))
}
