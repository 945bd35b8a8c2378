// One bad image in an array: by default the call rejects and names it; with `errors: 'collect'` the others are kept.
import { load } from 'vitrine'

const images = [new URL('photos/chelsea.jpg', import.meta.url), Buffer.from('no picture'), new URL('photos/coffee.jpg', import.meta.url)]
const model = await load()

await model.features(images).catch((error) => console.log(error.code, error.message))

const features = await model.features(images, { errors: 'collect' })
for (const [i, error] of features.errors.entries()) console.log(i, error ? error.code : 'fine', features.row(i)[0])

await model.close()
