// onnxruntime-node as a peer: pixel values in, the CLS vector out. It has no preprocessing. The first argument is the file to open.
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { serve } from './serve.mjs'

const [, , file] = process.argv

serve(async (folder, threads) => {
  const session = await ort.InferenceSession.create(join(folder, file), { intraOpNumThreads: threads, executionProviders: ['cpu'] })
  return {
    versions: { 'onnxruntime-node': ort.env.versions.node },
    pixels: async ({ dims, data }) => {
      const { cls } = await session.run({ pixel_values: new ort.Tensor('float32', data, dims) })
      return cls.data
    },
  }
})
