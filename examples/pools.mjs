// Which vector? Several pools from one pass, and the CLS token after earlier blocks.
import { load } from 'vitrine'

const photo = new URL('photos/chelsea.jpg', import.meta.url)
const model = await load()
console.log('this checkpoint has', model.info.pools)

const [cls, mean, both, tokens] = await model.features(photo, { pool: ['cls', 'mean', 'cls+mean', 'tokens'] })
console.log({ cls: cls.dims, mean: mean.dims, 'cls+mean': both.dims, tokens: tokens.dims })

const layers = await model.features(photo, { layers: [4, 8, -1], normalize: true })
console.log(
  'layers',
  layers.map((features) => features.dims),
)

await model.close()
