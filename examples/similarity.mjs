// Which photographs look alike: with unit vectors the cosine is a plain product.
import { load } from 'vitrine'

const names = ['brick.jpg', 'gravel.jpg', 'grass.jpg', 'chelsea.jpg', 'coffee.jpg']
const model = await load()
const features = await model.features(
  names.map((name) => new URL(`photos/${name}`, import.meta.url)),
  { normalize: true },
)
const cosine = (i, j) => features.row(i).reduce((sum, value, k) => sum + value * features.row(j)[k], 0)

for (const [i, name] of names.entries()) {
  console.log(name.padEnd(12), names.map((_, j) => cosine(i, j).toFixed(2).padStart(6)).join(''))
}
await model.close()
