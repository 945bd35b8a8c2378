// transformers.js as a peer: from JPEG bytes its feature-extraction pipeline with its own decoding and preprocessing, from pixel values
// the model inside that pipeline.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { env, pipeline, Tensor } from '@huggingface/transformers'
import { clsRows, serve } from './serve.mjs'

const require = createRequire(import.meta.url)
const ownOrt = JSON.parse(
  readFileSync(createRequire(require.resolve('@huggingface/transformers')).resolve('onnxruntime-node/package.json')),
)

serve(async (folder, threads) => {
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  const extract = await pipeline('image-feature-extraction', basename(folder), {
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  })
  return {
    versions: { 'transformers.js': env.version, 'its onnxruntime-node': ownOrt.version },
    pixels: async ({ dims, data }) => {
      const { last_hidden_state: tokens } = await extract.model({ pixel_values: new Tensor('float32', data, dims) })
      return clsRows(tokens)
    },
    jpeg: async (buffers) => clsRows(await extract(buffers.map((bytes) => new Blob([bytes], { type: 'image/jpeg' })))),
  }
})
