// native/kernels/activation.h: every instruction set against the formulas in double.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { elementwise, expectSameBits, expectWithin } from '../support/tolerance'
import { Activation, isas, kernels } from './kernels'

const range = (begin: number, end: number, count: number) =>
  Float32Array.from({ length: count }, (_, i) => begin + ((end - begin) * i) / (count - 1))

/** Relative error allowed at x, as the formula's conditioning there: errors of the exponent's argument grow with it. */
const relative: Record<Activation, (x: number) => number> = {
  [Activation.None]: () => 0,
  [Activation.Gelu]: () => 4e-6, // the contract, for x > -9
  [Activation.GeluTanh]: (x) => 1e-6 + 3e-7 * Math.abs(1.6 * x + 0.0714 * x ** 3),
  [Activation.QuickGelu]: (x) => 1e-6 + 3e-7 * Math.abs(1.702 * x),
  [Activation.Relu]: () => 0,
  [Activation.Silu]: (x) => 1e-6 + 3e-7 * Math.abs(x),
  [Activation.Tanh]: () => 1e-6,
}
const all = Object.values(Activation).filter((kind): kind is Activation => typeof kind === 'number')

describe.each(isas)('activations on $name', ({ name }) => {
  test.each(all)('%i: relative error over -9…9, absolute over -12…12 and far out', (activation) => {
    const near = range(-8.9999, 9, 60_001)
    const expected = kernels.activate('reference', { x: near, activation })
    const what = `${name} ${Activation[activation]}`
    const bound = (i: number) => relative[activation](near[i]!) * Math.abs(expected[i]!) + 2 ** -125
    expectWithin(kernels.activate(name, { x: near, activation }), expected, bound, what)
    const beside = activation === Activation.None ? 0 : 3e-7
    for (const x of [
      range(-12, 12, 20_001),
      range(-200, 200, 20_001),
      Float32Array.of(-1e30, 1e30, 1e-30, -1e-30, 1e-42, -1e-42, -14, -13.3, 88, -88),
    ]) {
      const far = kernels.activate('reference', { x, activation })
      expectWithin(kernels.activate(name, { x, activation }), far, elementwise(far, 2e-6, beside), what)
    }
  })

  test('NaN stays, infinities give the limits', () => {
    const x = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0)
    for (const activation of all) {
      const y = [...kernels.activate(name, { x, activation })]
      const low = activation === Activation.None ? Number.NEGATIVE_INFINITY : activation === Activation.Tanh ? -1 : 0
      const high = activation === Activation.Tanh ? 1 : Number.POSITIVE_INFINITY
      expect(
        y.map((value) => value + 0),
        Activation[activation],
      ).toEqual([Number.NaN, high, low, 0])
    }
  })

  test('any count, any alignment, in place; an element has the same bits wherever it stands', () => {
    const random = new Random(1000)
    for (const activation of all) {
      const long = random.floats(67, 5)
      const whole = kernels.activate(name, { x: long, activation })
      for (let count = 0; count <= long.length; count++) {
        const x = long.slice(0, count)
        expectSameBits(
          kernels.activate(name, { x, activation, slack: count % 3 }),
          whole.slice(0, count),
          `${Activation[activation]} of ${count}`,
        )
        expectSameBits(
          kernels.activate(name, { x, activation, inPlace: true }),
          whole.slice(0, count),
          `${Activation[activation]} in place`,
        )
      }
      expectSameBits(kernels.activate(name, { x: long.slice(1), activation }), whole.slice(1), `${Activation[activation]} shifted`)
    }
  })
})
