// The peers' ONNX files, from the checkpoint that vitrine opens: checkpoint → spec → graph → protobuf (../../lib/onnx).
// Before it: models.mjs; after it: ../peers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What the peers open: `cls.onnx` gives the vector alone; `onnx/model.onnx` is what transformers.js expects of a model folder. */
const files = [
  { path: 'cls.onnx', output: 'cls', pool: 'cls' },
  { path: join('onnx', 'model.onnx'), output: 'last_hidden_state', pool: 'tokens' },
]

/** `lib` holds buildGraph, WeightReader, modelBytes, poolBranches and `openCheckpoint` of vitrine's compiled library. */
export async function writeOnnxFiles(folder, { openCheckpoint, poolBranches, buildGraph, WeightReader, modelBytes, version }) {
  const checkpoint = await openCheckpoint(folder, {})
  const reader = await WeightReader.open(checkpoint.spec)
  try {
    for (const { path, output, pool } of files) {
      const outputs = { [output]: { kind: 'pool', branches: poolBranches(pool, checkpoint), normalize: false, layer: -1 } }
      const graph = buildGraph(checkpoint.spec, { input: 'float32', outputs, type: 'float32', fused: false, position: 'weight' })
      const bytes = new Map()
      for (const weight of graph.weights) bytes.set(weight, { raw: await reader.bytes(weight) })
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(
        join(folder, path),
        modelBytes(graph, (weight) => bytes.get(weight), { producerVersion: version }),
      )
    }
  } finally {
    await reader.close()
  }
}
