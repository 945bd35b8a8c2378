// A graph while it is being written: nodes in order, weights and constants by name. Before it: graph.ts, which starts one; after it:
// embedding.ts, blocks.ts and outputs.ts, which write into it.
import type { Linear, Norm, Tensor } from '../spec'
import type { Attribute, Constant, FloatType, Graph, Node, Weight } from './graph'

/** ONNX Runtime's own operators; '' is the standard's domain. */
export const MICROSOFT = 'com.microsoft'

/** Numbers of enum TensorProto.DataType. */
export const dataTypes = { float32: 1, uint8: 2, int64: 7, float16: 10, bfloat16: 16 } as const

/** The end of an axis, for Slice. */
export const END = 2 ** 53 - 1

export interface NodeOptions {
  attributes?: Attribute[]
  domain?: typeof MICROSOFT
  /** Names of the outputs, '' where one is left out; default one of its own. */
  output?: string[]
}

export class Builder {
  readonly nodes: Node[] = []
  private readonly weights = new Map<string, Weight>()
  private readonly constants = new Map<string, Constant>()
  private readonly casts = new Map<string, string>()
  private count = 0

  constructor(
    /** Of weights and arithmetic, where nothing else is said. */
    readonly type: FloatType,
    /** Whether to write ONNX Runtime's fused operators. */
    readonly fused: boolean,
  ) {}

  /** Appends a node; gives the name of its first output. */
  add(op: string, inputs: string[], { attributes = [], domain, output = [this.fresh(op)] }: NodeOptions = {}): string {
    this.nodes.push({ op, domain: domain ?? '', inputs, output, attributes })
    return output[0]!
  }
  /** A name that nothing has yet. */
  fresh(stem: string): string {
    return `${stem}_${this.count++}`
  }
  /** A weight of the checkpoint; asked for again, the same one. */
  weight(name: string, tensor: Tensor, dims: number[], options: Partial<Pick<Weight, 'transpose' | 'type' | 'grid'>> = {}): string {
    if (!this.weights.has(name)) this.weights.set(name, { name, dims, tensor, transpose: false, type: this.type, ...options })
    return name
  }
  ints(values: number[]): string {
    return this.constant({ name: `ints_${values.join('_')}`, dims: [values.length], int64: values })
  }
  floats(values: number[], dims: number[], type = this.type): string {
    return this.constant({ name: `${type}_${values.join('_')}_${dims.join('x')}`, dims, float: values, type })
  }
  scalar(value: number, type = this.type): string {
    return this.constant({ name: `${type}_${value}`, dims: [], float: [value], type })
  }
  private constant(constant: Constant): string {
    this.constants.set(constant.name, constant)
    return constant.name
  }

  /** x as another type; asked for again, the same value. Give the type that x has. */
  cast(x: string, from: FloatType | 'uint8', to: FloatType): string {
    if (from === to) return x
    const key = `${x} ${to}`
    const known = this.casts.get(key)
    if (known !== undefined) return known
    const result = this.add('Cast', [x], { attributes: [{ name: 'to', int: dataTypes[to] }] })
    this.casts.set(key, result)
    return result
  }
  reshape(x: string, dims: number[]): string {
    return this.add('Reshape', [x, this.ints(dims)])
  }
  transpose(x: string, perm: number[]): string {
    return this.add('Transpose', [x], { attributes: [{ name: 'perm', ints: perm }] })
  }
  /** Rows `from`…`to` along an axis; END for all that follow. */
  rows(x: string, from: number, to: number, axis: number): string {
    return this.add('Slice', [x, this.ints([from]), this.ints([to]), this.ints([axis])])
  }
  concat(parts: string[], axis: number): string {
    return parts.length === 1 ? parts[0]! : this.add('Concat', parts, { attributes: [{ name: 'axis', int: axis }] })
  }
  split(x: string, sizes: number[], axis: number): string[] {
    const output = sizes.map(() => this.fresh('Split'))
    this.add('Split', [x, this.ints(sizes)], { attributes: [{ name: 'axis', int: axis }], output })
    return output
  }
  gammaAndBeta(name: string, norm: Norm, dim: number, type = this.type): [string, string] {
    return [this.weight(`${name}.gamma`, norm.gamma, [dim], { type }), this.weight(`${name}.beta`, norm.beta, [dim], { type })]
  }
  /** Mean and variance are float32 whatever the type (attribute stash_type). */
  norm(name: string, x: string, norm: Norm, dim: number, eps: number, type = this.type): string {
    const attributes = [
      { name: 'axis', int: -1 },
      { name: 'epsilon', float: eps },
    ]
    return this.add('LayerNormalization', [x, ...this.gammaAndBeta(name, norm, dim, type)], { attributes })
  }
  /** x times the weight [in, out], and the name of the bias, which the caller adds or gives to a fused operator. */
  product(name: string, x: string, linear: Linear, [inner, out]: [number, number], type = this.type): { product: string; bias?: string } {
    const weight = this.weight(`${name}.weight`, linear.weight, [inner, out], { transpose: true, type })
    const product = this.add('MatMul', [x, weight])
    return linear.bias ? { product, bias: this.weight(`${name}.bias`, linear.bias, [out], { type }) } : { product }
  }
  linear(name: string, x: string, linear: Linear, shape: [number, number], type = this.type): string {
    const { product, bias } = this.product(name, x, linear, shape, type)
    return bias === undefined ? product : this.add('Add', [bias, product])
  }

  finish(inputs: Graph['inputs'], outputs: Graph['outputs']): Graph {
    return { nodes: this.nodes, weights: [...this.weights.values()], constants: [...this.constants.values()], inputs, outputs }
  }
}
