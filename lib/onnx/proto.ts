// Graph → the fields of onnx.proto's ModelProto, as a plain object that any protobuf library encodes. Before it: graph.ts and values.ts;
// after it: whoever writes the file or hands it to a session.
import type { Attribute, Graph, Port, Weight } from './graph'

/** Where a weight's bytes are: inside the message, or in a file beside the model. */
export type WeightData = { raw: Uint8Array } | { location: string; offset: number; length: number }

// Numbers of enum AttributeProto.AttributeType, TensorProto.DataType and TensorProto.DataLocation.
const FLOAT_ATTRIBUTE = 1
const INT_ATTRIBUTE = 2
const INTS_ATTRIBUTE = 7
const FLOAT = 1
const INT64 = 7
const EXTERNAL = 1

/** IR version 8 goes with opset 17. */
const IR_VERSION = 8
const OPSET = 17

function attribute(a: Attribute) {
  if ('int' in a) return { name: a.name, type: INT_ATTRIBUTE, i: a.int }
  if ('float' in a) return { name: a.name, type: FLOAT_ATTRIBUTE, f: a.float }
  return { name: a.name, type: INTS_ATTRIBUTE, ints: a.ints }
}

function port({ name, dims }: Port) {
  const dim = dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }))
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}

function initializer({ name, dims }: Weight, data: WeightData) {
  if ('raw' in data) return { name, dims, dataType: FLOAT, rawData: data.raw }
  const externalData = Object.entries(data).map(([key, value]) => ({ key, value: String(value) }))
  return { name, dims, dataType: FLOAT, dataLocation: EXTERNAL, externalData }
}

/** `place` says where the bytes of each weight (little-endian fp32, row-major in its `dims`) are. */
export function modelProto(graph: Graph, producerVersion: string, place: (weight: Weight) => WeightData) {
  const constants = graph.constants.map((c) =>
    'int64' in c
      ? { name: c.name, dims: c.dims, dataType: INT64, int64Data: c.int64 }
      : { name: c.name, dims: c.dims, dataType: FLOAT, floatData: c.float },
  )
  return {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'vitrine',
    producerVersion,
    graph: {
      name: 'encoder',
      node: graph.nodes.map((n) => ({
        name: n.output[0]!,
        opType: n.op,
        input: n.inputs,
        output: n.output,
        attribute: n.attributes.map(attribute),
      })),
      initializer: [...constants, ...graph.weights.map((weight) => initializer(weight, place(weight)))],
      input: graph.inputs.map(port),
      output: graph.outputs.map(port),
    },
  }
}
