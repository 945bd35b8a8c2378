// Shared by the tests of the native ONNX Runtime door: the library of onnxruntime-node, and graphs as bytes of a ModelProto, encoded here,
// independently of lib/onnx.
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import {
  fromNative,
  type NativeOnnxModel,
  type NativePicture,
  type NativePixels,
  native,
  type OnnxModelSource,
  type OnnxOutput,
} from '../../lib/native'
import { until, untouched } from '../engine/support'
import { root } from '../support/fixtures'

const name = { win32: 'onnxruntime.dll', darwin: 'libonnxruntime.dylib' }[process.platform as string] ?? 'libonnxruntime.so.1'
export const library = join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', process.platform, process.arch, name)

// --- protobuf ---
type Field = [number, number | bigint | string | Uint8Array]

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return bytes
}
/** Numbers are varints; strings, bytes and messages have a length in front. */
export function message(...fields: Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([field, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint') return Buffer.from([...varint(field << 3), ...varint(value)])
      const bytes = Buffer.from(value as string)
      return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(bytes.length)]), bytes])
    }),
  )
}

// --- ONNX ---
export const types = { float32: 1, uint8: 2, int64: 7, float16: 10, bfloat16: 16 } as const
export type Type = keyof typeof types
type Attribute = { name: string } & ({ int: number } | { ints: number[] })

export function node(op: string, inputs: string[], outputs: string[], attributes: Attribute[] = [], domain = ''): Uint8Array {
  return message(
    ...inputs.map((input): Field => [1, input]),
    ...outputs.map((output): Field => [2, output]),
    [4, op],
    ...attributes.map(
      (a): Field => [
        5,
        'int' in a ? message([1, a.name], [3, a.int], [20, 2]) : message([1, a.name], ...a.ints.map((i): Field => [8, i]), [20, 7]),
      ],
    ),
    [7, domain],
  )
}
/** The mean of `input` over `axes`. */
export const mean = (input: string, output: string, axes: number[], keepdims: 0 | 1) =>
  node(
    'ReduceMean',
    [input],
    [output],
    [
      { name: 'axes', ints: axes },
      { name: 'keepdims', int: keepdims },
    ],
  )
export function port(name: string, type: Type, dims: (number | string)[]): Uint8Array {
  const shape = message(...dims.map((d): Field => [1, typeof d === 'number' ? message([1, d]) : message([2, d])]))
  return message([1, name], [2, message([1, message([1, types[type]], [2, shape])])])
}
export function tensor(name: string, type: Type, dims: number[], raw: Uint8Array): Uint8Array {
  return message(...dims.map((d): Field => [1, d]), [2, types[type]], [8, name], [9, raw])
}
/** A tensor whose bytes are said to be in a file. */
export function external(name: string, type: Type, dims: number[]): Uint8Array {
  return message(
    ...dims.map((d): Field => [1, d]),
    [2, types[type]],
    [8, name],
    [13, message([1, 'location'], [2, 'nowhere.bin'])],
    [14, 1],
  )
}
export const floats = (values: ArrayLike<number>) => new Uint8Array(Float32Array.from(values).buffer)
export const int64s = (values: number[]) => new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)

export interface GraphParts {
  nodes: Uint8Array[]
  inputs: Uint8Array[]
  outputs: Uint8Array[]
  initializers?: Uint8Array[]
}
export function model({ nodes, inputs, outputs, initializers = [] }: GraphParts): Uint8Array {
  const list = (field: number, items: Uint8Array[]) => items.map((item): Field => [field, item])
  const graph = message(...list(1, nodes), [2, 'test'], ...list(5, initializers), ...list(11, inputs), ...list(12, outputs))
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 17])])
}

/** Sums over height and width: [B, 3, H, W] → 'sum' [B, 3]. */
export const sums = (options: { batch?: number | string; side?: number | string; type?: Type } = {}): Uint8Array => {
  const { batch = 'batch', side = 'side', type = 'float32' } = options
  return model({
    nodes: [node('ReduceSum', ['pixels', 'axes'], ['sum'], [{ name: 'keepdims', int: 0 }])],
    inputs: [port('pixels', type, [batch, 3, side, side])],
    outputs: [port('sum', type, [batch, 3])],
    initializers: [tensor('axes', 'int64', [2], int64s([2, 3]))],
  })
}

/**
 * Runs long: a chain of products of a [size, size] matrix with itself, of which nothing is folded or packed since it hangs on the input. Output 'slow' [B, 1].
 */
export function slow(steps: number, size = 512): Uint8Array {
  const nodes = [mean('pixels', 'mean', [1, 2, 3], 0), mean('mean', 'scalar', [0], 1), node('Mul', ['matrix', 'scalar'], ['m0'])]
  for (let i = 0; i < steps; i++) nodes.push(node('MatMul', [`m${i}`, 'm0'], [`m${i + 1}`]))
  nodes.push(mean(`m${steps}`, 'total', [0, 1], 0))
  nodes.push(node('Mul', ['mean', 'total'], ['product']), node('Unsqueeze', ['product', 'one'], ['slow']))
  const matrix = new Float32Array(size * size).fill(1 / size)
  return model({
    nodes,
    inputs: [port('pixels', 'float32', ['batch', 3, 'side', 'side'])],
    outputs: [port('slow', 'float32', ['batch', 1])],
    initializers: [tensor('matrix', 'float32', [size, size], floats(matrix)), tensor('one', 'int64', [1], int64s([1]))],
  })
}

// --- the door ---
let keys = 0
export function source(bytes: Uint8Array | string, options: Partial<OnnxModelSource> = {}): OnnxModelSource {
  return {
    key: `test ${process.pid} ${keys++}`,
    library,
    model: bytes,
    provider: { name: 'cpu', options: {} },
    threads: 1,
    input: 'pixels',
    batch: 8,
    graphCapture: false,
    ...options,
  }
}
export async function load(bytes: Uint8Array | string, options: Partial<OnnxModelSource> = {}): Promise<NativeOnnxModel> {
  return translated(() => native().loadOnnxModel(source(bytes, options)).promise)
}

const normalise = { mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 } as {
  mean: [number, number, number]
  std: [number, number, number]
  rescale: number
}
export const options = (burst = 1) => ({ burst, normalise })

export const pixels = (side: number, value: number | ((i: number) => number), width = side): NativePixels => ({
  kind: 'pixels',
  data: Float32Array.from({ length: 3 * side * width }, (_, i) => (typeof value === 'number' ? value : value(i))),
  height: side,
  width,
})
export const picture = (side: number, value: (i: number) => number): NativePicture => ({
  kind: 'picture',
  layout: 'rgb',
  data: Uint8Array.from({ length: 3 * side * side }, (_, i) => value(i)),
  height: side,
  width: side,
  geometry: untouched(side, side),
})
export const output = (port: string, more: Partial<OnnxOutput> = {}): OnnxOutput => ({ port, normalize: false, ...more })

export async function translated<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fromNative(error)
  }
}

/** Waits until every session has been given back. */
export const allClosed = () => until(() => native().counters().onnxSessions === 0)

/** Models that are closed after each test, which must leave nothing behind: `loaded` is load(), `keep` takes others. For a file's top level. */
export function closedAfterEach() {
  let open: NativeOnnxModel[] = []
  afterEach(async () => {
    for (const model of open) model.close()
    open = []
    await allClosed()
    expect(native().counters()).toMatchObject({ models: 0, onnxRunning: 0, pictures: 0 })
  })
  const keep = (...models: NativeOnnxModel[]) => open.push(...models)
  const loaded = async (...args: Parameters<typeof load>) => {
    const model = await load(...args)
    keep(model)
    return model
  }
  return { loaded, keep }
}
