// Pictures in, one vector each out: the batch has dims [N, D], row by row.
import { load } from 'vitrine'

const photo = (name) => new URL(`photos/${name}`, import.meta.url)
const model = await load()

const features = await model.features([photo('chelsea.jpg'), photo('coffee.jpg')])
console.log(features.type, features.dims, features.row(0).subarray(0, 4))

await model.close()
