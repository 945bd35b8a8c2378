// What an .onnx file says of itself, without opening ONNX Runtime and without reading its weights: inputs, outputs, and which weights lie in
// other files. Before it: checkpoint/onnx.ts; after it: wire.ts. Field numbers are those of onnx.proto.
import { type FileHandle, open } from 'node:fs/promises'
import { unreadable } from '../checkpoint/files'
import { VitrineError } from '../errors'
import type { OnnxPort, OnnxType } from '../native'
import type { FileStamp } from '../spec'
import { field, fields, varint } from './wire'

/** A weight whose bytes lie in a file beside the model. */
export interface ExternalTensor {
  name: string
  dims: number[]
  type: OnnxType
  /** Relative to the model's folder. */
  location: string
  offset: number
  /** Bytes; undefined: to the end of the file, as many as the dims say. */
  length: number | undefined
}

export interface OnnxHeader {
  inputs: OnnxPort[]
  outputs: OnnxPort[]
  external: ExternalTensor[]
  /** Bytes and values of all weights, by type. */
  stored: Map<OnnxType, { bytes: number; values: number }>
  stamp: FileStamp
}

/** TensorProto.DataType. */
const types: readonly OnnxType[] = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64'],
  ...['uint32', 'uint64', 'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz'],
  ...['uint4', 'int4', 'float4e2m1'],
]
const bytesOf: Readonly<Record<string, number>> = {
  ...{ float32: 4, float16: 2, bfloat16: 2, float64: 8, uint8: 1, int8: 1, bool: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, uint64: 8 },
  ...{ int64: 8, complex64: 8, complex128: 16, uint4: 0.5, int4: 0.5, float4e2m1: 0.5 },
}
/** Bytes that a tensor of this type and these dims takes. */
export const tensorBytes = (type: OnnxType, dims: readonly number[]) => Math.ceil(values(dims) * (bytesOf[type] ?? 1))
const values = (dims: readonly number[]) => dims.reduce((product, n) => product * n, 1)

const MODEL = { graph: 7 }
const GRAPH = { initializer: 5, input: 11, output: 12 }

/** ERR_CHECKPOINT_TRUNCATED where a field ends behind the file, ERR_CHECKPOINT_INVALID where it is no ONNX graph. */
export async function readOnnx(path: string): Promise<OnnxHeader> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (cause) {
    throw unreadable('weight file', path, cause)
  }
  try {
    const { ino, size, mtimeNs } = await file.stat({ bigint: true })
    const header: OnnxHeader = { inputs: [], outputs: [], external: [], stored: new Map(), stamp: { ino, size, mtimeNs } }
    const initializers = new Set<string>()
    let graphs = 0
    for await (const part of walk(file, path, 0, Number(size))) {
      if (part.number !== MODEL.graph || part.wire !== 2) continue
      graphs++
      for await (const entry of walk(file, path, part.start, part.end)) {
        const { number, start, end } = entry
        if (number === GRAPH.initializer) initializers.add(await initializer(file, path, start, end, header))
        else if (number === GRAPH.input) header.inputs.push(port(await bytes(file, path, start, end)))
        else if (number === GRAPH.output) header.outputs.push(port(await bytes(file, path, start, end)))
      }
    }
    if (graphs !== 1 || header.outputs.length === 0) throw invalid(path, graphs === 0 ? 'it holds no graph' : 'its graph has no output')
    // Before IR version 4 every weight was listed among the inputs too.
    header.inputs = header.inputs.filter(({ name }) => !initializers.has(name))
    return header
  } catch (error) {
    if (error instanceof RangeError) throw invalid(path, error.message)
    throw error instanceof VitrineError ? error : unreadable('weight file', path, error)
  } finally {
    await file.close()
  }
}

function invalid(path: string, why: string): VitrineError {
  return new VitrineError('ERR_CHECKPOINT_INVALID', `${path} is no ONNX model: ${why}`)
}

/** Bytes read ahead: small fields come by the thousand. */
const WINDOW = 1 << 16

/** Top-level fields of the message in [from, to), by place; their content stays on disk. */
async function* walk(file: FileHandle, path: string, from: number, to: number) {
  let window = new Uint8Array(0)
  let base = from
  for (let at = from; at < to; ) {
    // A tag and a length take at most 20 bytes.
    if (at < base || at + 20 > base + window.length) {
      base = at
      window = await bytes(file, path, at, Math.min(at + WINDOW, to))
    }
    const tag = varint(window, at - base)
    if (!tag) throw new RangeError(`no field at byte ${at}`)
    const wire = Number(tag.value & 7n)
    let start = base + tag.end
    let end: number
    if (wire === 0 || wire === 2) {
      const number = varint(window, tag.end)
      if (!number) throw new RangeError(`the field at byte ${at} has no ${wire === 0 ? 'value' : 'length'}`)
      start = base + number.end
      end = wire === 0 ? start : start + Number(number.value)
    } else if (wire === 1 || wire === 5) {
      end = start + (wire === 1 ? 8 : 4)
    } else {
      throw new RangeError(`a field of wire type ${wire} at byte ${at}`)
    }
    if (end > to) {
      const message = `a field at byte ${at} ends at byte ${end}, behind the ${to} that ${from === 0 ? 'the file has' : 'its graph has'}`
      // A first field that makes no sense is no download that broke off, but another kind of file.
      if (at === 0 || tag.value >> 3n > 25n) throw new RangeError(message)
      throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', `${path}: ${message}`)
    }
    yield { number: Number(tag.value >> 3n), wire, at, start, end }
    at = end
  }
}

async function bytes(file: FileHandle, path: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(to - from)
  for (let done = 0; done < out.length; ) {
    const { bytesRead } = await file.read(out, done, out.length - done, from + done)
    if (bytesRead === 0) throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', `${path}: expected ${to} bytes, found ${from + done}`)
    done += bytesRead
  }
  return out
}

const text = (value: Uint8Array) => new TextDecoder().decode(value)
const integer = (value: bigint) => Number(BigInt.asIntN(64, value))

/** TensorProto → its name; what it says of itself goes into the header. Its values are passed over: raw_data 9 and the typed fields. */
async function initializer(file: FileHandle, path: string, from: number, to: number, header: OnnxHeader): Promise<string> {
  const described: Uint8Array[] = []
  for await (const { number, at, end } of walk(file, path, from, to)) {
    if (![4, 5, 6, 7, 9, 10, 11].includes(number)) described.push(await bytes(file, path, at, end))
  }
  const tensor = describe(Buffer.concat(described))
  const { name, dims, type } = tensor
  const stored = header.stored.get(type) ?? { bytes: 0, values: 0 }
  header.stored.set(type, { bytes: stored.bytes + tensorBytes(type, dims), values: stored.values + values(dims) })
  if (tensor.external) header.external.push({ name, dims, type, ...tensor.external })
  return name
}

/** A TensorProto without its values. */
export function describe(tensor: Uint8Array): Pick<ExternalTensor, 'name' | 'dims' | 'type'> & {
  external: Pick<ExternalTensor, 'location' | 'offset' | 'length'> | undefined
} {
  const dims: number[] = []
  let [name, type, elsewhere] = ['', types[0]!, false]
  const external = new Map<string, string>()
  for (const { number, value, bytes } of fields(tensor)) {
    if (number === 1) dims.push(...(value !== undefined ? [integer(value)] : packed(bytes)))
    else if (number === 2) type = types[Number(value ?? 0n)] ?? `type ${value}`
    else if (number === 8) name = text(bytes)
    else if (number === 13) external.set(...entry(bytes))
    else if (number === 14) elsewhere = value === 1n
  }
  const length = external.get('length')
  return {
    name,
    dims,
    type,
    external: elsewhere
      ? {
          location: external.get('location') ?? '',
          offset: Number(external.get('offset') ?? 0),
          length: length === undefined ? undefined : Number(length),
        }
      : undefined,
  }
}

function packed(bytes: Uint8Array): number[] {
  const out: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = varint(bytes, at) ?? { value: 0n, end: bytes.length }
    out.push(integer(value))
    at = end
  }
  return out
}

/** StringStringEntryProto. */
function entry(message: Uint8Array): [string, string] {
  const pair: [string, string] = ['', '']
  for (const { number, bytes } of fields(message)) if (number === 1 || number === 2) pair[number - 1] = text(bytes)
  return pair
}

/** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1, dim_param 2 } } } }. */
function port(message: Uint8Array): OnnxPort {
  const out: OnnxPort = { name: '', type: 'undefined', dims: [] }
  for (const { number, bytes } of fields(message)) {
    if (number === 1) out.name = text(bytes)
    if (number !== 2) continue
    for (const kind of fields(bytes)) {
      // A sequence, a map or an optional is no tensor.
      if (kind.number !== 1) continue
      for (const part of fields(kind.bytes)) {
        if (part.number === 1) out.type = types[Number(part.value ?? 0n)] ?? `type ${part.value}`
        if (part.number === 2) out.dims = [...fields(part.bytes)].filter((dim) => dim.number === 1).map((dim) => dimension(dim.bytes))
      }
    }
  }
  return out
}

function dimension(message: Uint8Array): number | string {
  for (const { number, value, bytes } of fields(message)) {
    if (number === 1) return integer(value ?? 0n)
    if (number === 2) return text(bytes)
  }
  return ''
}

/**
 * The model's bytes with the weights that `inline` gives put inside: their fields external_data and data_location give way to raw_data.
 * For weights of types that are not handed to a session as they are.
 */
export function withInlined(model: Uint8Array, inline: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const graph = (message: Uint8Array) =>
    [...fields(message)].map((part) => {
      const raw = part.number === GRAPH.initializer ? inline.get(describe(part.bytes).name) : undefined
      if (!raw) return part.whole
      const kept = [...fields(part.bytes)].filter(({ number }) => number !== 13 && number !== 14).map(({ whole }) => whole)
      return field(GRAPH.initializer, Buffer.concat([...kept, field(9, raw)]))
    })
  return Buffer.concat(
    [...fields(model)].map((part) => (part.number === MODEL.graph ? field(MODEL.graph, Buffer.concat(graph(part.bytes))) : part.whole)),
  )
}
