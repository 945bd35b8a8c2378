// Transformer blocks over the residual stream [B, T, D]. Before it: embedding.ts; after it: outputs.ts.
// Letters: B images, T tokens, D width, H heads, K head dim, F MLP width.
import type { Block, EncoderSpec, Linear, Norm, Tensor } from '../spec'
import { activate, activateBiased } from './activations'
import { type Builder, END, MICROSOFT } from './builder'

/**
 * What the blocks add to. A branch stays apart from the stream until somebody asks, so that the sum can be part of the next norm
 * (SkipLayerNormalization).
 *
 * The stream has the type of the graph, float16 too: the statistics of each norm are float32, and rounding the stream moves the vectors of
 * DINOv2, whose activations are large, by a cosine far below 1e-4 (test/onnx/float16.test.ts). A float32 stream would need two casts per
 * branch and twice the memory traffic of every sum and norm.
 */
export class Stream {
  private branch: { product: string; bias: string | undefined } | undefined

  constructor(
    private readonly g: Builder,
    private readonly spec: EncoderSpec,
    private skip: string,
  ) {}

  /** stream += (x · weight + bias) · scale. */
  addBranch(name: string, x: string, linear: Linear, inner: number, scale: Tensor | undefined, scaleName: string): void {
    const { g } = this
    const { dim } = this.spec
    const { product, bias } = g.product(name, x, linear, [inner, dim])
    this.skip = this.value()
    if (!scale) this.branch = { product, bias }
    else {
      // The bias is scaled apart: on a device one pass over the tokens is saved.
      const factor = g.weight(scaleName, scale, [dim])
      this.branch = { product: g.add('Mul', [product, factor]), bias: bias && g.add('Mul', [bias, factor]) }
    }
  }

  /** The stream itself. */
  value(): string {
    const { g, branch } = this
    if (branch) {
      this.branch = undefined
      const biased = branch.bias === undefined ? branch.product : g.add('Add', [branch.bias, branch.product])
      this.skip = g.add('Add', [biased, this.skip])
    }
    return this.skip
  }

  norm(name: string, norm: Norm): string {
    const { g, branch, skip } = this
    const { dim, eps } = this.spec
    if (!branch || !g.fused) return g.norm(name, this.value(), norm, dim, eps)
    const [gamma, beta] = g.gammaAndBeta(name, norm, dim)
    const inputs = [branch.product, skip, gamma, beta, ...(branch.bias === undefined ? [] : [branch.bias])]
    const [normed, sum] = [g.fresh('SkipLayerNormalization'), g.fresh('Stream')]
    g.add('SkipLayerNormalization', inputs, {
      domain: MICROSOFT,
      attributes: [{ name: 'epsilon', float: eps }],
      output: [normed, '', '', sum],
    })
    this.skip = sum
    this.branch = undefined
    return normed
  }
}

/** Rows `from`…`to` of a tensor along its first axis; they are contiguous in the file. */
export function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
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

/** softmax(q kᵀ / √K) v over normed tokens, before the projection: [B, T, H · K]. */
function fusedAttention(g: Builder, spec: EncoderSpec, name: string, x: string, { qkv }: Block): string {
  const width = 3 * spec.heads * spec.headDim
  const weight = g.weight(`${name}.qkv.weight`, qkv.weight, [spec.dim, width], { transpose: true })
  const bias = g.weight(`${name}.qkv.bias`, qkv.bias ?? [{ zeros: [width], name: 'no bias' }], [width])
  return g.add('Attention', [x, weight, bias], { domain: MICROSOFT, attributes: [{ name: 'num_heads', int: spec.heads }] })
}

/** What a block's attention is made of: q, scaled by 1 / √K, and v [B, H, T, K], and k [B, H, K, T]. */
function queriesKeysValues(g: Builder, spec: EncoderSpec, name: string, x: string, { qkv }: Block): [string, string, string] {
  const { dim, heads, headDim } = spec
  const width = heads * headDim
  // Three products: ONNX Runtime is some percent faster with them than with one and a Split (batch 1, measured).
  const part = (letter: string, i: number, perm: number[]) => {
    const rows = (tensor: Tensor) => rowsOf(tensor, i * width, (i + 1) * width)
    const linear: Linear = qkv.bias ? { weight: rows(qkv.weight), bias: rows(qkv.bias) } : { weight: rows(qkv.weight) }
    return g.transpose(g.reshape(g.linear(`${name}.${letter}`, x, linear, [dim, width]), [0, 0, heads, headDim]), perm)
  }
  // q rather than the scores: fewer values, and in float16 no score is larger than it must be.
  const q = g.add('Mul', [part('q', 0, [0, 2, 1, 3]), g.scalar(1 / Math.sqrt(headDim))])
  return [q, part('k', 1, [0, 2, 3, 1]), part('v', 2, [0, 2, 1, 3])]
}

function attend(g: Builder, spec: EncoderSpec, [q, k, v]: [string, string, string]): string {
  const weights = g.add('Softmax', [g.add('MatMul', [q, k])], { attributes: [{ name: 'axis', int: -1 }] })
  const mixed = g.add('MatMul', [weights, v])
  return g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [0, 0, spec.heads * spec.headDim])
}

/** What token 0 attends to, of it the patches: float32 [B, H, N]; the softmax is over all tokens. */
function attentionMap(g: Builder, spec: EncoderSpec, [q, k]: [string, string, string]): string {
  const scores = g.cast(g.add('MatMul', [g.rows(q, 0, 1, 2), k]), g.type, 'float32')
  const weights = g.add('Softmax', [scores], { attributes: [{ name: 'axis', int: -1 }] })
  const first = spec.prefix.reduce((rows, entry) => rows + entry.rows, 0)
  return g.reshape(first > 0 ? g.rows(weights, first, END, 3) : weights, [0, spec.heads, -1])
}

/** tokens → MLP before its last layer: [B, T, F]. */
function hidden(g: Builder, spec: EncoderSpec, name: string, x: string, { fc1 }: Block): string {
  const { dim, mlpWidth, activation, glu } = spec
  const { product, bias } = g.product(`${name}.fc1`, x, fc1, [dim, glu ? 2 * mlpWidth : mlpWidth])
  if (!glu) return activateBiased(g, activation, product, bias)
  const both = bias === undefined ? product : g.add('Add', [bias, product])
  const [gate, up] = g.split(both, [mlpWidth, mlpWidth], 2) as [string, string]
  return g.add('Mul', [g.fused ? activateBiased(g, activation, gate, undefined) : activate(g, activation, gate), up])
}

/**
 * One block; `wants` says what is read of it. With `map` its attention is written out and token 0's weights are given back; without
 * `tokens` nothing after it is computed.
 */
export function addBlock(
  g: Builder,
  spec: EncoderSpec,
  i: number,
  stream: Stream,
  wants: { tokens: boolean; map: boolean },
): string | undefined {
  const name = `blocks.${i}`
  const block = spec.blocks[i]!
  const normed = stream.norm(`${name}.norm1`, block.norm1)
  let attended: string
  let map: string | undefined
  if (wants.map || !g.fused) {
    const parts = queriesKeysValues(g, spec, name, normed, block)
    if (wants.map) map = attentionMap(g, spec, parts)
    if (!wants.tokens) return map
    attended = attend(g, spec, parts)
  } else attended = fusedAttention(g, spec, name, normed, block)
  stream.addBranch(`${name}.projection`, attended, block.projection, spec.heads * spec.headDim, block.scale1, `${name}.scale1`)
  const wide = hidden(g, spec, name, stream.norm(`${name}.norm2`, block.norm2), block)
  stream.addBranch(`${name}.fc2`, wide, block.fc2, spec.mlpWidth, block.scale2, `${name}.scale2`)
  return map
}
