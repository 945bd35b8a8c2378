// Graph → the bytes of a ModelProto. Before it: graph.ts and values.ts; after it: messages.ts, then export.ts, which writes the file, or
// whoever hands the bytes to a session.
import { dataTypes } from './builder'
import { toBytes } from './float16'
import type { Attribute, Constant, Graph, Node, Port, Weight } from './graph'
import { encode, type Message, model, type Piece } from './messages'

/** Where a weight's bytes are: inside the message, in a file beside the model, or inside but written by the caller (`modelPieces` alone). */
export type WeightData = { raw: Uint8Array } | External | 'streamed'
export interface External {
  location: string
  offset: number
  length: number
}

// Numbers of enum AttributeProto.AttributeType and TensorProto.DataLocation.
const FLOAT_ATTRIBUTE = 1
const INT_ATTRIBUTE = 2
const INTS_ATTRIBUTE = 7
const EXTERNAL = 1

/** IR version 8 goes with opset 17. */
const IR_VERSION = 8
const OPSET = 17

/** Bytes of a weight in its type. */
export const byteLength = ({ dims, type }: Weight) => dims.reduce((product, n) => product * n, type === 'float32' ? 4 : 2)

function attribute(a: Attribute): Message<Weight> {
  if ('int' in a) return { name: a.name, type: INT_ATTRIBUTE, i: a.int }
  if ('float' in a) return { name: a.name, type: FLOAT_ATTRIBUTE, f: a.float }
  return { name: a.name, type: INTS_ATTRIBUTE, ints: a.ints }
}

function node({ op, domain, inputs, output, attributes }: Node): Message<Weight> {
  return { name: output[0]!, opType: op, domain, input: inputs, output, attribute: attributes.map(attribute) }
}

function port({ name, type, dims }: Port): Message<Weight> {
  const dim = dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }))
  return { name, type: { tensorType: { elemType: dataTypes[type], shape: { dim } } } }
}

function constant(c: Constant): Message<Weight> {
  if ('float' in c) return { name: c.name, dims: c.dims, dataType: dataTypes[c.type], rawData: toBytes(Float32Array.from(c.float), c.type) }
  const bytes = new Uint8Array(BigInt64Array.from(c.int64, BigInt).buffer)
  return { name: c.name, dims: c.dims, dataType: dataTypes.int64, rawData: bytes }
}

function initializer(weight: Weight, data: WeightData): Message<Weight> {
  const { name, dims, type } = weight
  const tensor = { name, dims, dataType: dataTypes[type] }
  if (data === 'streamed') return { ...tensor, rawData: { hole: weight, length: byteLength(weight) } }
  if ('raw' in data) return { ...tensor, rawData: data.raw }
  const externalData = Object.entries(data).map(([key, value]) => ({ key, value: String(value) }))
  return { ...tensor, dataLocation: EXTERNAL, externalData }
}

export interface ModelText {
  producerVersion?: string
  /** metadata_props. */
  metadata?: Record<string, string>
}

/** The message before it is encoded. */
export function modelMessage(graph: Graph, place: (weight: Weight) => WeightData, text: ModelText = {}): Message<Weight> {
  const domains = new Set(graph.nodes.map(({ domain }) => domain))
  return {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }, ...(domains.has('com.microsoft') ? [{ domain: 'com.microsoft', version: 1 }] : [])],
    producerName: 'vitrine',
    producerVersion: text.producerVersion ?? '',
    metadataProps: Object.entries(text.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: 'encoder',
      node: graph.nodes.map(node),
      initializer: [...graph.constants.map(constant), ...graph.weights.map((weight) => initializer(weight, place(weight)))],
      input: graph.inputs.map(port),
      output: graph.outputs.map(port),
    },
  }
}

/** The message in pieces: bytes, and weights whose bytes belong there (little-endian, row-major in their `dims` and type). */
export const modelPieces = (graph: Graph, place: (weight: Weight) => WeightData, text: ModelText = {}): Piece<Weight>[] =>
  encode(modelMessage(graph, place, text), model)

/** The whole message; `place` says where the bytes of each weight are, none of them 'streamed'. */
export function modelBytes(graph: Graph, place: (weight: Weight) => Exclude<WeightData, 'streamed'>, text: ModelText = {}): Uint8Array {
  return Buffer.concat(modelPieces(graph, place, text) as Uint8Array[])
}
