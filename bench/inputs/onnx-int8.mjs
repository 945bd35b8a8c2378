// ONNX Runtime's dynamic int8 without Python: every product with a weight in the message of an ONNX model becomes what ONNX Runtime's own
// quantize_dynamic(weight_type=QInt8, per_channel=True, op_types_to_quantize=['MatMul']) writes, which its optimiser fuses again. The patch
// embedding and attention stay as they are. Before it: onnx-file.mjs.

const INT8 = 3
const FLOAT = 1

/** [K, N] fp32 → int8 with one scale a column, max |w| / `largest`. */
function quantiseColumns(raw, [inner, columns], largest) {
  const values = new Float32Array(raw.buffer, raw.byteOffset, raw.byteLength / 4)
  const scales = new Float32Array(columns)
  for (let k = 0; k < inner; k++) {
    for (let n = 0; n < columns; n++) scales[n] = Math.max(scales[n], Math.abs(values[k * columns + n]))
  }
  for (let n = 0; n < columns; n++) scales[n] = scales[n] > 0 ? scales[n] / largest : 1
  const quantised = new Int8Array(values.length)
  for (let k = 0; k < inner; k++) {
    for (let n = 0; n < columns; n++) quantised[k * columns + n] = Math.round(values[k * columns + n] / scales[n])
  }
  return { quantised, scales }
}

const bytes = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/**
 * `message`: a ModelProto as lib/onnx/proto.ts makes it, weights inside, fp32. → the same model with int8 products of weights up to `largest`:
 * 127, or 64 as quantize_dynamic(reduce_range=True) has them.
 */
export function quantiseProducts(message, largest = 127) {
  const weights = new Map(message.graph.initializer.map((tensor) => [tensor.name, tensor]))
  const initializer = new Map(weights)
  const inputs = new Map() // float value → its quantised form, shared by q, k and v
  const node = []
  const add = (opType, input, output, attribute = []) => node.push({ name: output[0], opType, domain: '', input, output, attribute })
  const activation = (x) => {
    if (!inputs.has(x)) {
      inputs.set(x, [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`])
      add('DynamicQuantizeLinear', [x], inputs.get(x))
    }
    return inputs.get(x)
  }
  const weight = (name) => {
    const { dims, rawData } = weights.get(name)
    if (initializer.delete(name)) {
      const { quantised, scales } = quantiseColumns(rawData, dims, largest)
      const zeros = new Int8Array(dims[1])
      const tensors = { quantized: [INT8, dims, quantised], scale: [FLOAT, [dims[1]], scales], zero_point: [INT8, [dims[1]], zeros] }
      for (const [part, [dataType, shape, array]] of Object.entries(tensors)) {
        initializer.set(`${name}_${part}`, { name: `${name}_${part}`, dims: shape, dataType, rawData: bytes(array) })
      }
    }
    return [`${name}_quantized`, `${name}_scale`, `${name}_zero_point`]
  }
  for (const original of message.graph.node) {
    const [x, w] = original.input
    if (original.opType !== 'MatMul' || weights.get(w)?.dims.length !== 2) {
      node.push(original)
      continue
    }
    const [output] = original.output
    const [xInt, xScale, xZero] = activation(x)
    const [wInt, wScale, wZero] = weight(w)
    add('MatMulInteger', [xInt, wInt, xZero, wZero], [`${output}_int32`])
    add('Cast', [`${output}_int32`], [`${output}_cast`], [{ name: 'to', type: 2, i: FLOAT }])
    add('Mul', [xScale, wScale], [`${output}_scales`])
    add('Mul', [`${output}_cast`, `${output}_scales`], [output])
  }
  return { ...message, graph: { ...message.graph, node, initializer: [...initializer.values()] } }
}
