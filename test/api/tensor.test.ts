// The result object: names as onnxruntime-common's Tensor has them, rows, nested lists.
import { expect, test } from 'vitest'
import { Tensor } from '../../lib/tensor'

const tensor = new Tensor(
  'float32',
  [2, 3, 2],
  Float32Array.from({ length: 12 }, (_, i) => i),
)

test('names and size', () => {
  expect(Object.keys(tensor).sort()).toEqual(['data', 'dims', 'size', 'type'])
  expect(tensor).toMatchObject({ type: 'float32', dims: [2, 3, 2], size: 12 })
})

test('rows are views', () => {
  expect([...tensor.row(1)]).toEqual([6, 7, 8, 9, 10, 11])
  expect(tensor.row(-1).buffer).toBe(tensor.data.buffer)
  for (const index of [2, -3, 0.5, Number.NaN]) expect(() => tensor.row(index)).toThrow(RangeError)
})

test('nested lists', () => {
  expect(tensor.toList()).toEqual([
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
    [
      [6, 7],
      [8, 9],
      [10, 11],
    ],
  ])
  expect(new Tensor('uint8', [3], new Uint8Array([1, 2, 3])).toList()).toEqual([1, 2, 3])
})
