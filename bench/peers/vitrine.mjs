// vitrine as a peer: this clone's build, in the dtype that the first argument names.
import { readFileSync } from 'node:fs'
import { load } from '../../dist/index.mjs'
import { serve } from './serve.mjs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)))
const [, , dtype] = process.argv

serve(async (folder, threads) => {
  const model = await load(folder, { threads, dtype, device: 'cpu', packedCache: false })
  const features = async (input) => (await model.features(input)).data
  return {
    versions: { vitrine: version },
    isa: model.info.isa,
    pixels: ({ dims, data }) => features({ type: 'float32', dims, data }),
    jpeg: features,
  }
})
