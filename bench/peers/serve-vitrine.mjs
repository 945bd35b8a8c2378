// vitrine in one dtype, as serve.mjs asks a peer. Before it: vitrine.mjs and its narrower kin.
import { readFileSync } from 'node:fs'
import { load } from '../../dist/index.mjs'
import { serve } from './serve.mjs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)))

export function serveVitrine(dtype) {
  serve(async (folder, threads) => {
    const model = await load(folder, { threads, dtype, device: 'cpu' })
    const features = async (input) => (await model.features(input)).data
    return {
      versions: { vitrine: version },
      isa: model.info.isa,
      pixels: ({ dims, data }) => features({ type: 'float32', dims, data }),
      jpeg: features,
    }
  })
}
