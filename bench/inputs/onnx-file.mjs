// The peers' ONNX files, from the checkpoint that vitrine opens: checkpoint → spec → graph (../../lib/onnx) → protobuf (onnx-proto).
// Before it: models.mjs; after it: ../peers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import onnxProto from 'onnx-proto'

/** What the peers open: `cls.onnx` gives the vector alone; `onnx/model.onnx` is what transformers.js expects of a model folder. */
const files = [
  { path: 'cls.onnx', outputs: { cls: 'cls' } },
  { path: join('onnx', 'model.onnx'), outputs: { last_hidden_state: 'tokens' } },
]

/** `lib` holds buildGraph, WeightReader, modelProto and `openCheckpoint` of vitrine's compiled library. */
export async function writeOnnxFiles(folder, { openCheckpoint, buildGraph, WeightReader, modelProto, version }) {
  const { spec } = await openCheckpoint(folder, {})
  const reader = new WeightReader(spec.files)
  try {
    for (const { path, outputs } of files) {
      const graph = buildGraph(spec, { input: 'pixel_values', outputs })
      const message = modelProto(graph, version, (weight) => ({ raw: new Uint8Array(reader.read(weight).buffer) }))
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), onnxProto.onnx.ModelProto.encode(message).finish())
    }
  } finally {
    reader.close()
  }
}
