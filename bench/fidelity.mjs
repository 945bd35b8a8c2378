// What a narrow dtype costs: the CLS vectors of bf16 and int8 beside fp32, over crops of the example photographs.
//
//     node bench/fidelity.mjs [--checkpoint folder] [--dtypes bf16,int8] [--photos folder]
//
// 12 crops of each photograph, 15 to 90 % of its area, half of them mirrored, from mulberry32 with seed 1. Prints the least and the mean
// cosine to fp32, and for how many crops the nearest neighbour among the others is the same. Crops of one photograph are each other's
// likeliest neighbours, so the last figure is strict. Needs a build (npm run build).
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(join(root, 'package.json'))
const sharp = require('sharp')
const { load } = require(join(root, 'dist', 'index.js'))
const { values } = parseArgs({
  options: {
    checkpoint: { type: 'string', default: join(root, 'models', 'default') },
    dtypes: { type: 'string', default: 'bf16,int8' },
    photos: { type: 'string', default: join(root, 'examples', 'photos') },
  },
})

/** mulberry32 */
function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function crops(folder) {
  const next = random(1)
  const images = []
  const names = readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .sort()
  for (const name of names) {
    const { data, info } = await sharp(join(folder, name))
      .rotate()
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    for (let i = 0; i < 12; i++) {
      const side = Math.sqrt(0.15 + 0.75 * next())
      const [width, height] = [Math.round(info.width * side), Math.round(info.height * side)]
      const region = {
        left: Math.floor(next() * (info.width - width + 1)),
        top: Math.floor(next() * (info.height - height + 1)),
        width,
        height,
      }
      const cut = sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } }).extract(region)
      const { data: pixels, info: size } = await (next() < 0.5 ? cut.flop() : cut).raw().toBuffer({ resolveWithObject: true })
      images.push({ data: new Uint8Array(pixels), width: size.width, height: size.height, channels: size.channels })
    }
  }
  return images
}

async function vectors(images, dtype) {
  const model = await load(values.checkpoint, { device: 'cpu', dtype })
  const { data, dims } = await model.features(images, { normalize: true })
  await model.close()
  return Array.from({ length: dims[0] }, (_, i) => data.subarray(i * dims[1], (i + 1) * dims[1]))
}

const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)
const nearest = (all) =>
  all.map((a, i) => all.reduce((best, b, j) => (j !== i && (best < 0 || cosine(a, b) > cosine(a, all[best])) ? j : best), -1))

const images = await crops(values.photos)
const exact = await vectors(images, 'fp32')
const neighbours = nearest(exact)
console.log(`${values.checkpoint}: ${images.length} crops`)
for (const dtype of values.dtypes.split(',')) {
  const found = await vectors(images, dtype)
  const cosines = found.map((vector, i) => cosine(vector, exact[i]))
  const same = nearest(found).filter((neighbour, i) => neighbour === neighbours[i]).length
  const mean = cosines.reduce((sum, x) => sum + x, 0) / cosines.length
  console.log(
    `${dtype}: cosine to fp32 min ${Math.min(...cosines).toFixed(6)}, mean ${mean.toFixed(6)}; nearest neighbour the same for ${same} of ${images.length}`,
  )
}
