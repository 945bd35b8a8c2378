// native/kernels/layer_norm.h: every instruction set against the reference.
import { describe, expect, test } from 'vitest'
import { Random } from '../support/seed'
import { around, padded, unpadded } from '../support/shapes'
import { expectSameBits, expectWithin, norm, reduction, roundoff } from '../support/tolerance'
import { isas, kernels, type LayerNormCall } from './kernels'

function makeCall(random: Random, rows: number, dim: number, offset = 0, scale = 1): LayerNormCall {
  const [ldx, ldy] = [dim + 5, dim + 2]
  const x = random.floats(rows * dim, scale).map((value) => value + offset)
  return {
    x: padded(rows, dim, ldx, x),
    ldx,
    y: random.floats(rows * ldy),
    ldy,
    gamma: random.floats(dim),
    beta: random.floats(dim),
    rows,
    dim,
    eps: 1e-6,
    slack: random.int(0, 3),
  }
}

/** Errors of the mean and of the deviation, in units of the row's deviation. */
function bound(call: LayerNormCall, expected: Float32Array): (i: number) => number {
  const { x, ldx, dim, gamma, beta } = call
  const rows = Array.from({ length: call.rows }, (_, m) => {
    const row = x.subarray(m * ldx, m * ldx + dim)
    const mean = row.reduce((sum, value) => sum + value, 0) / dim
    const deviation = Math.sqrt(norm(row.map((value) => value - mean)) ** 2 / dim + call.eps)
    const meanError = reduction(dim, (Math.sqrt(dim) * norm(row)) / dim) + roundoff * Math.abs(mean)
    return { shift: meanError / deviation, scale: reduction(dim, 1) + 6 * roundoff + (meanError / deviation) ** 2 }
  })
  return (i) => {
    const { shift, scale } = rows[Math.floor(i / dim)]!
    const d = i % dim
    const normal = Math.abs(expected[i]! - beta[d]!)
    return Math.abs(gamma[d]!) * shift + scale * normal + 4 * roundoff * (Math.abs(beta[d]!) + normal)
  }
}

function compare(name: string, call: LayerNormCall, seed: number): void {
  const trim = (y: Float32Array) => unpadded(call.rows, call.dim, call.ldy, y)
  const expected = trim(kernels.layerNorm('reference', call))
  const actual = kernels.layerNorm(name, call)
  expectWithin(trim(actual), expected, bound(call, expected), `${name} ${call.rows}×${call.dim}`, seed)
  const rest = actual.map((value, i) => (i % call.ldy < call.dim ? call.y![i]! : value))
  expectSameBits(rest, call.y!, 'beyond column dim', seed)
}

describe.each(isas)('layer_norm on $name', ({ name }) => {
  test('any dim: around one vector and around four, and the models’', () => {
    const random = new Random(2000)
    const dims = new Set([4, 8, 16, 32, 64].flatMap(around).concat(192, 384, 768, 1024, 1280, 1408))
    for (const dim of dims) for (const rows of [1, 3]) compare(name, makeCall(random, rows, dim), random.seed)
  })

  test('a mean far from zero, large and small rows', () => {
    const random = new Random(2100)
    for (const [offset, scale] of [
      [100, 1],
      [0, 1e15],
      [0, 1e-3],
      [-3, 1e-2],
    ] as const)
      compare(name, makeCall(random, 4, 768, offset, scale), random.seed)
  })

  test('a constant row gives beta', () => {
    const call = makeCall(new Random(2200), 1, 37)
    expect([...kernels.layerNorm(name, { ...call, x: call.x.fill(0.5) })].slice(0, 37)).toEqual([...call.beta])
  })

  test('in place, and a row alone: the same bits', () => {
    const random = new Random(2300)
    for (const dim of [5, 64, 100, 384]) {
      const call = makeCall(random, 5, dim)
      const whole = unpadded(5, dim, call.ldy, kernels.layerNorm(name, call))
      const { y: _, ...rest } = call
      const inPlace = kernels.layerNorm(name, { ...rest, ldy: call.ldx })
      expectSameBits(unpadded(5, dim, call.ldx, inPlace), whole, 'in place', random.seed)
      for (let m = 0; m < 5; m++) {
        const alone = { ...call, x: call.x.slice(m * call.ldx, m * call.ldx + dim), y: new Float32Array(dim), rows: 1 }
        expectSameBits(kernels.layerNorm(name, alone), whole.slice(m * dim, (m + 1) * dim), `row ${m} alone`, random.seed)
      }
    }
  })

  test('NaN stays in its row', () => {
    const call = makeCall(new Random(2400), 3, 50)
    const clean = unpadded(3, 50, call.ldy, kernels.layerNorm(name, call))
    call.x[call.ldx + 7] = Number.NaN
    const dirty = unpadded(3, 50, call.ldy, kernels.layerNorm(name, call))
    dirty.forEach((value, i) => {
      expect(Object.is(value, Math.floor(i / 50) === 1 ? Number.NaN : clean[i])).toBe(true)
    })
  })
})
