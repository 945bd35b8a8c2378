// The tester tested: faults that a kernel could have must be seen by the bounds that the kernel tests use.
import { expect, test } from 'vitest'
import { Activation, Epilogue, isas, kernels } from '../kernels/kernels'
import { Random } from './seed'
import { elementwise, expectSameBits, expectWithin, norm, reduction, sameBits } from './tolerance'

const [m, n, k] = [29, 70, 197]
const random = new Random(1)
const a = random.floats(m * k)
const w = random.floats(n * k)
const ldc = 128
const multiply = (isa: string, left = a, weights = w) =>
  kernels.gemm(isa, {
    a: left,
    lda: k,
    w: weights,
    n,
    k,
    c: new Float32Array(m * ldc),
    ldc,
    rowBegin: 0,
    rowEnd: m,
    epilogue: Epilogue.Store,
    activation: Activation.None,
  })
const expected = multiply('reference')
const bound = (i: number) => {
  const [row, column] = [Math.floor(i / ldc), i % ldc]
  return column < n ? reduction(k, norm(a, row * k, k) * norm(w, column * k, k)) : Number.POSITIVE_INFINITY
}
const trimmed = (c: Float32Array) => Float32Array.from({ length: m * n }, (_, i) => c[Math.floor(i / n) * ldc + (i % n)]!)
const check = (c: Float32Array) => expectWithin(trimmed(c), trimmed(expected), (i) => bound(Math.floor(i / n) * ldc + (i % n)), 'c', 1)

test.each(isas)('$name: a right product passes', ({ name }) => check(multiply(name)))

test.each(isas)('$name: the last term of the sum left out fails', ({ name }) => {
  const short = a.slice()
  for (let row = 0; row < m; row++) short[row * k + k - 1] = 0
  expect(() => check(multiply(name, short))).toThrow(/c: \[\d+\] is .*, expected .* within .* \(seed 1\)/)
})

test.each(isas)('$name: one weight of the last column with the wrong sign fails', ({ name }) => {
  const turned = w.slice()
  turned[(n - 1) * k + 7] = -turned[(n - 1) * k + 7]!
  expect(() => check(multiply(name, a, turned))).toThrow()
})

test('a wrong sign, last lane or tail row fails, on either side of zero', () => {
  const faults: ((c: Float32Array) => void)[] = [
    (c) => {
      for (let i = 0; i < c.length; i++) c[i] = -c[i]!
    },
    (c) => {
      c[(m - 1) * ldc + n - 1] = 0
    },
    (c) => c.copyWithin((m - 1) * ldc, (m - 2) * ldc, (m - 1) * ldc),
    (c) => {
      c[5] = Number.NaN
    },
    (c) => {
      c[5] = Number.POSITIVE_INFINITY
    },
  ]
  for (const fault of faults) {
    const c = expected.slice()
    fault(c)
    expect(() => check(c)).toThrow()
  }
  const negative = Float32Array.of(-2)
  expect(() => expectWithin(negative, [-1], elementwise([-1], 1e-6), 'x')).toThrow()
  expect(() => expectWithin([-1], [1], elementwise([1], 1e-6), 'x')).toThrow()
  expect(() => expectWithin([-3], [-1], elementwise([-1], 1e-6), 'x')).toThrow()
})

test('NaN and infinity must be where they are expected', () => {
  const any = () => 1e30
  expectWithin([Number.NaN, Number.POSITIVE_INFINITY], [Number.NaN, Number.POSITIVE_INFINITY], any, 'x')
  expect(() => expectWithin([1], [Number.NaN], any, 'x')).toThrow()
  expect(() => expectWithin([Number.NEGATIVE_INFINITY], [Number.POSITIVE_INFINITY], any, 'x')).toThrow()
  expect(() => expectWithin([1], [1, 2], any, 'x')).toThrow('1 values, expected 2')
  expect(() => expectWithin([1], [1], () => Number.NaN, 'x')).toThrow('bound')
})

test('bits are compared as bits', () => {
  expect(sameBits(Float32Array.of(0), Float32Array.of(-0))).toBe(false)
  expect(sameBits(Float32Array.of(Number.NaN), Float32Array.of(Number.NaN))).toBe(true)
  expect(() => expectSameBits(Float32Array.of(1, 1), Float32Array.of(1, 1 + 2 ** -23), 'x', 3)).toThrow('x: [1]')
})

test('a seed gives the same numbers again', () => {
  expect(new Random(7).floats(4)).toEqual(new Random(7).floats(4))
  expect(new Random(7).floats(4)).not.toEqual(new Random(8).floats(4))
})
