// x → f(x): in standard operators, each in the form that ONNX Runtime's own fusions know, or as one of its fused operators. Before it:
// blocks.ts and outputs.ts, which call it.
import type { Activation } from '../spec'
import { type Builder, MICROSOFT } from './builder'
import type { FloatType } from './graph'

/** f of x, in standard operators. */
export function activate(g: Builder, kind: Activation, x: string, type: FloatType = g.type): string {
  const scalar = (value: number) => g.scalar(value, type)
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
      return g.add('Mul', [x, g.add('Sigmoid', [g.add('Mul', [x, scalar(1.702)])])])
    case 'gelu': {
      const erf = g.add('Erf', [g.add('Div', [x, scalar(Math.SQRT2)])])
      return g.add('Mul', [g.add('Mul', [x, g.add('Add', [erf, scalar(1)])]), scalar(0.5)])
    }
    case 'gelu_tanh': {
      // In float16 the cube of |x| > 40 is infinite; its tanh is ±1 all the same.
      const cubic = g.add('Add', [x, g.add('Mul', [g.add('Pow', [x, scalar(3)]), scalar(0.044715)])])
      const tanh = g.add('Tanh', [g.add('Mul', [cubic, scalar(Math.sqrt(2 / Math.PI))])])
      return g.add('Mul', [g.add('Mul', [x, scalar(0.5)]), g.add('Add', [tanh, scalar(1)])])
    }
  }
}

/** f(product + bias): in a graph of fused operators, those that CPU and CUDA both have. */
export function activateBiased(g: Builder, kind: Activation, product: string, bias: string | undefined): string {
  const fused = { domain: MICROSOFT } as const
  if (g.fused && kind === 'gelu' && bias !== undefined) return g.add('BiasGelu', [product, bias], fused)
  if (g.fused && kind === 'gelu_tanh') return g.add('FastGelu', bias === undefined ? [product] : [product, bias], fused)
  const x = bias === undefined ? product : g.add('Add', [bias, product])
  if (g.fused && kind === 'gelu') return g.add('Gelu', [x], fused)
  // x · sigmoid(αx); SiLU is the one with α = 1.
  const alpha = kind === 'quick_gelu' ? 1.702 : kind === 'silu' ? 1 : undefined
  if (g.fused && alpha !== undefined) return g.add('QuickGelu', [x], { ...fused, attributes: [{ name: 'alpha', float: alpha }] })
  return activate(g, kind, x)
}
