// The peers' ONNX files, from the checkpoint that vitrine opens: checkpoint → spec → graph → protobuf (../../lib/onnx).
// Before it: models.mjs; after it: onnx-int8.mjs, then ../peers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { quantiseProducts } from './onnx-int8.mjs'

/**
 * What the peers open: `cls.onnx` gives the vector alone, with int8 products of weights up to 127 or, for CPUs that would saturate, 64;
 * `onnx/model.onnx` is what transformers.js expects of a model folder.
 */
const files = [
  { path: 'cls.onnx', output: 'cls', pool: 'cls', int8: { 'cls-int8.onnx': 127, 'cls-int8-reduced.onnx': 64 } },
  { path: join('onnx', 'model.onnx'), output: 'last_hidden_state', pool: 'tokens' },
]

/** `lib` holds buildGraph, WeightReader, modelMessage, encode, model, poolBranches and `openCheckpoint` of vitrine's compiled library. */
export async function writeOnnxFiles(folder, lib) {
  const { openCheckpoint, poolBranches, buildGraph, WeightReader, modelMessage, encode, model, version } = lib
  const checkpoint = await openCheckpoint(folder, {})
  const reader = await WeightReader.open(checkpoint.spec)
  const write = (path, message) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), Buffer.concat(encode(message, model)))
  }
  try {
    for (const { path, output, pool, int8 } of files) {
      const outputs = { [output]: { kind: 'pool', branches: poolBranches(pool, checkpoint), normalize: false, layer: -1 } }
      const graph = buildGraph(checkpoint.spec, { input: 'float32', outputs, type: 'float32', fused: false, position: 'weight' })
      const bytes = new Map()
      for (const weight of graph.weights) bytes.set(weight, { raw: await reader.bytes(weight) })
      const message = modelMessage(graph, (weight) => bytes.get(weight), { producerVersion: version })
      write(path, message)
      for (const [file, largest] of Object.entries(int8 ?? {})) write(file, quantiseProducts(message, largest))
    }
  } finally {
    await reader.close()
  }
}
