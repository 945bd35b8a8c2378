// `npm start`: the main job over examples/photos with the default checkpoint. Prints each photograph's CLS features and its nearest
// neighbour, then writes the attention of the CLS token as pictures. setup.mjs has installed and built before.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'vitrine'

const { heatmapOf } = createRequire(import.meta.url)('../dist/cli/attention.js')
const root = fileURLToPath(new URL('..', import.meta.url))
const photos = join(root, 'examples', 'photos')
const names = readdirSync(photos)
  .filter((name) => name.endsWith('.jpg'))
  .sort()
const timed = async (work) => {
  const start = performance.now()
  const result = await work()
  return [result, Math.round(performance.now() - start)]
}

const [model, loadMs] = await timed(() => load())
const { info } = model
console.log(
  `\n${info.family}, ${(info.parameters / 1e6).toFixed(0)} M parameters, patch ${info.patchSize.height}, ${info.layers} layers; ` +
    `${info.dtype} on ${info.isa}, ${info.threads} threads; loaded in ${loadMs} ms\n`,
)

const [features, featuresMs] = await timed(() =>
  model.features(
    names.map((name) => join(photos, name)),
    { pool: 'cls' },
  ),
)
const number = (value) => value.toFixed(4).padStart(9)
console.log(`${'photograph'.padEnd(24)}dims    first values of its CLS vector`)
for (const [i, name] of names.entries()) {
  const row = features.row(i)
  console.log(`${name.padEnd(24)}[${row.length}] ${Array.from(row.subarray(0, 5), number).join('')}  …`)
}
console.log(`\nfeatures ${JSON.stringify(features.dims).replace(',', ', ')} ${features.type}, in ${featuresMs} ms from JPEG\n`)

const cosine = (a, b) => {
  let [ab, aa, bb] = [0, 0, 0]
  for (let k = 0; k < a.length; k++) {
    ab += a[k] * b[k]
    aa += a[k] * a[k]
    bb += b[k] * b[k]
  }
  return ab / Math.sqrt(aa * bb)
}
console.log(`${'photograph'.padEnd(24)}nearest by cosine`)
for (const [i, name] of names.entries()) {
  const others = names.map((other, j) => ({ other, score: i === j ? -1 : cosine(features.row(i), features.row(j)) }))
  const nearest = others.reduce((best, next) => (next.score > best.score ? next : best))
  console.log(`${name.padEnd(24)}${nearest.other.padEnd(24)}${nearest.score.toFixed(3)}`)
}

const folder = join(root, 'out', 'attention')
mkdirSync(folder, { recursive: true })
for (const name of names) {
  writeFileSync(join(folder, name.replace(/\.jpg$/, '.png')), await heatmapOf(model, join(photos, name)))
}
console.log(`\nWhat the CLS token attended to, ${names.length} heatmaps: ${join(relative(process.cwd(), folder) || '.', '*.png')}\n`)
await model.close()
