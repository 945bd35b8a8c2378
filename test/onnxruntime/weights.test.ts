// Weights handed to a session from a checkpoint's files, and position tables resized for each image size.
import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { native, type OnnxModelSource, type OnnxWeight } from '../../lib/native'
import type { Tensor } from '../../lib/spec'
import { temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { Random } from '../support/seed'
import {
  allClosed,
  external,
  floats,
  int64s,
  load,
  mean,
  model as message,
  node,
  options,
  output,
  pixels,
  port,
  type Type,
  tensor,
} from './support'

const folder = temporaryFolder()
afterAll(allClosed)

/** A file of float32 values; a tensor of it. */
function store(name: string, values: Float32Array) {
  const file = join(folder, name)
  writeFileSync(file, floats(values))
  const part = (shape: number[], offset = 0): Tensor => [{ file: 0, offset: 4 * offset, shape, dtype: 'f32', name }]
  return { file, part }
}

/** The mean over channels [B, rows, in] times an external weight [in, out], in a type of its own. */
const product = (rows: number, inner: number, outer: number, type: Type = 'float32') =>
  message({
    nodes: [
      mean('pixels', 'mean', [1], 0),
      node('Cast', ['weight'], ['wide'], [{ name: 'to', int: 1 }]),
      node('MatMul', ['mean', 'wide'], ['out']),
    ],
    inputs: [port('pixels', 'float32', ['batch', 3, rows, inner])],
    outputs: [port('out', 'float32', ['batch', rows, outer])],
    initializers: [external('weight', type, [inner, outer])],
  })

const identity = (size: number) => pixels(size, (i) => (Math.floor(i / size) % size === i % size ? 1 : 0))

async function weightOf(source: Partial<OnnxModelSource>, type: Type, inner: number, outer: number): Promise<Float32Array> {
  const model = await load(product(inner, inner, outer, type), source)
  expect(model.weightBytes).toBe(inner * outer * (type === 'float32' ? 4 : 2))
  const sink = new Float32Array(inner * outer)
  await model.run(identity(inner), [output('out')], [sink], 0, options()).promise
  model.close()
  return sink
}

test.each([
  ['float32', 0],
  ['float16', 2 ** -11],
  ['bfloat16', 2 ** -8],
] as const)('%s, as stored and transposed, of several parts', async (type, error) => {
  for (const [inner, outer] of [
    [5, 7],
    [40, 33],
    [300, 900], // more than one block of rows
  ] as const) {
    const values = new Random(inner).floats(inner * outer, 2)
    const { file, part } = store(`values-${type}-${inner}`, values)
    const weight = (transpose: boolean, tensor: Tensor): OnnxWeight => ({ name: 'weight', dims: [inner, outer], tensor, transpose, type })
    const cut = Math.floor(outer / 2)
    const plain = await weightOf({ files: [file], weights: [weight(false, part([inner, outer]))] }, type, inner, outer)
    const parts = [...part([cut, inner]), ...part([outer - cut, inner], cut * inner)]
    const transposed = await weightOf({ files: [file], weights: [weight(true, parts)] }, type, inner, outer)
    let worst = 0 // in units of what rounding may do, subnormal halves included
    for (let i = 0; i < inner; i++) {
      for (let o = 0; o < outer; o++) {
        const [a, b] = [values[i * outer + o]!, values[o * inner + i]!]
        const excess = (found: number, value: number) => Math.abs(found - value) / (Math.abs(value) * error + error * 2 ** -14 + 1e-30)
        worst = Math.max(worst, excess(plain[i * outer + o]!, a), excess(transposed[i * outer + o]!, b))
      }
    }
    expect(worst).toBeLessThanOrEqual(1)
  }
})

test('zeros where the file leaves a part out', async () => {
  const { file, part } = store('half', new Float32Array([1, 2, 3, 4]))
  const tensor: Tensor = [...part([2, 2]), { zeros: [1, 2], name: 'rest' }]
  const weights: OnnxWeight[] = [{ name: 'weight', dims: [2, 3], tensor, transpose: true, type: 'float32' }]
  expect([...(await weightOf({ files: [file], weights }, 'float32', 2, 3))]).toEqual([1, 3, 0, 2, 4, 0])
})

test('files that are not what they were, and weights that do not fit', async () => {
  const { file, part } = store('changing', new Float32Array(12))
  const { ino, size, mtimeNs } = statSync(file, { bigint: true })
  const stamps = [{ ino, size, mtimeNs }]
  const attempt = (change: Partial<OnnxWeight> = {}, source: Partial<OnnxModelSource> = {}) => {
    const weight: OnnxWeight = { name: 'weight', dims: [3, 4], tensor: part([3, 4]), transpose: false, type: 'float32', ...change }
    return load(product(3, 3, 4), { files: [file], weights: [weight], stamps, ...source })
  }
  ;(await attempt()).close()
  await rejects(attempt({ tensor: part([3, 5]) }), 'ERR_CHECKPOINT_TRUNCATED', file)
  await rejects(attempt({ tensor: part([3, 3]) }), 'ERR_TENSOR_SHAPE', 'weight')
  await rejects(attempt({ dims: [4, 3] }), 'ERR_CHECKPOINT_INVALID')
  await rejects(attempt({ name: 'other' }), 'ERR_CHECKPOINT_INVALID')
  await rejects(attempt({ dims: [12], transpose: true }), 'ERR_CHECKPOINT_INVALID', 'weight')
  await rejects(attempt({}, { files: [join(folder, 'missing')] }), 'ERR_CHECKPOINT_NOT_FOUND', 'missing')
  await rejects(attempt({}, { weights: [] }), 'ERR_CHECKPOINT_INVALID') // the file that the graph names is not there
  truncateSync(file, 44)
  await rejects(attempt(), 'ERR_CHECKPOINT_TRUNCATED', file)
  writeFileSync(file, new Uint8Array(48))
  await rejects(attempt(), 'ERR_CHECKPOINT_CHANGED', file)
})

test.each(['float32', 'float16'] as const)('a position table of %s, resized for each size of image', async (type) => {
  const [dim, prefix, height, width] = [6, 2, 3, 4]
  const table = new Random(3).floats((prefix + height * width) * dim, 2)
  const { file, part } = store('table', table)
  const resize = { antialias: false, alignCorners: false }
  const graph = message({
    nodes: [
      node('Cast', ['position'], ['wide'], [{ name: 'to', int: 1 }]),
      mean('pixels', 'means', [1, 2, 3], 1),
      node('Reshape', ['means', 'shape'], ['mean']),
      node('Add', ['wide', 'mean'], ['out']),
    ],
    inputs: [port('pixels', 'float32', ['batch', 3, 'height', 'width']), port('position', type, [1, 'rows', dim])],
    outputs: [port('out', 'float32', ['batch', 'rows', dim])],
    initializers: [tensor('shape', 'int64', [3], int64s([-1, 1, 1]))],
  })
  const position = {
    input: 'position',
    table: part([prefix + height * width, dim]),
    dim,
    prefixRows: prefix,
    gridHeight: height,
    gridWidth: width,
    resize,
    patchHeight: 2,
    patchWidth: 3,
  }
  const model = await load(graph, { files: [file], position })
  for (const [rows, columns] of [
    [3, 4],
    [5, 2],
    [1, 1],
    [7, 7],
    [2, 9],
    [3, 4],
  ] as const) {
    const length = (prefix + rows * columns) * dim
    const sink = new Float32Array(2 * length)
    const run = (row: number) => model.run(pixels(2 * rows, row, 3 * columns), [output('out')], [sink], row, options(2)).promise
    await Promise.all([run(0), run(1)])
    const grid = new Float32Array(rows * columns * dim)
    await native().resizePositions(table.subarray(prefix * dim), { height, width }, { height: rows, width: columns }, dim, resize, grid)
      .promise
    const expected = [...table.subarray(0, prefix * dim), ...grid]
    for (let i = 0; i < length; i++) {
      const allowed = type === 'float32' ? 0 : Math.abs(expected[i]!) * 2 ** -11 + 2 ** -25
      expect(Math.abs(sink[i]! - expected[i]!)).toBeLessThanOrEqual(allowed)
      expect(Math.abs(sink[length + i]! - expected[i]! - 1)).toBeLessThanOrEqual(allowed + 2 ** -22)
    }
  }
  expect(() => model.run(pixels(3, 1), [output('out')], [new Float32Array(1)], 0, options())).toThrow(/patches of 3×2/)
  model.close()
})
