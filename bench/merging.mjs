// What token merging costs and gains: CLS vectors of `tokenMerging: r` beside fp32 without it, and milliseconds per image.
//
//     node bench/merging.mjs [--checkpoint folder] [--r 0,4,8,16] [--dtypes fp32,bf16,int8] [--rounds 5] [--batch 8] [--only speed|fidelity]
//
// Fidelity as fidelity.mjs has it, over the same crops. Speed: the least of `rounds` calls of `batch` images of pixel values, and of one,
// every r and dtype in turn within a round. Needs a build (npm run build).
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compare, crops } from './inputs/crops.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { load } = createRequire(import.meta.url)(join(root, 'dist', 'index.js'))
const { values } = parseArgs({
  options: {
    checkpoint: { type: 'string', default: join(root, 'models', 'default') },
    photos: { type: 'string', default: join(root, 'examples', 'photos') },
    r: { type: 'string', default: '0,4,8,16' },
    dtypes: { type: 'string', default: 'fp32,bf16,int8' },
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string', default: '8' },
    only: { type: 'string' },
  },
})
const merged = values.r.split(',').map(Number)
const dtypes = values.dtypes.split(',')
const models = {}
for (const dtype of dtypes) models[dtype] = await load(values.checkpoint, { device: 'cpu', dtype })
const { info } = Object.values(models)[0]
console.log(`${values.checkpoint}: ${info.layers} blocks; ${cpus()[0]?.model}, ${info.isa}, ${info.threads} threads`)

if (values.only !== 'speed') await fidelity()
if (values.only !== 'fidelity') await speed()
await Promise.all(Object.values(models).map((model) => model.close()))

async function fidelity() {
  const images = await crops(values.photos)
  const vectors = async (model, tokenMerging) => {
    const { data, dims } = await model.features(images, { normalize: true, tokenMerging })
    return Array.from({ length: dims[0] }, (_, i) => data.subarray(i * dims[1], (i + 1) * dims[1]))
  }
  const exact = await vectors(models.fp32 ?? (await load(values.checkpoint, { device: 'cpu' })), 0)
  for (const dtype of dtypes) {
    for (const r of merged) {
      const { least, mean, same } = compare(await vectors(models[dtype], r), exact)
      console.log(
        `${dtype}, r ${r}: cosine to fp32 min ${least.toFixed(4)}, mean ${mean.toFixed(4)}; nearest neighbour the same for ${same} of ${images.length}`,
      )
    }
  }
}

async function speed() {
  const { height, width } = info.imageSize
  const batches = [1, Number(values.batch)]
  const inputs = batches.map((batch) => {
    const data = Float32Array.from({ length: batch * 3 * height * width }, (_, i) => Math.sin(i * 0.37) + Math.cos(i * 0.0011))
    return { type: 'float32', dims: [batch, 3, height, width], data }
  })
  const best = new Map()
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const dtype of dtypes) {
      for (const tokenMerging of merged) {
        for (const [i, batch] of batches.entries()) {
          const start = performance.now()
          await models[dtype].features(inputs[i], { tokenMerging })
          const ms = (performance.now() - start) / batch
          const key = `${dtype} ${tokenMerging} ${batch}`
          if (round > 0) best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, ms))
        }
      }
    }
  }
  for (const dtype of dtypes) {
    for (const r of merged) {
      const cells = batches.map((batch) => {
        const ms = best.get(`${dtype} ${r} ${batch}`)
        return `batch ${batch}: ${ms.toFixed(2)} ms, ${(best.get(`${dtype} ${merged[0]} ${batch}`) / ms).toFixed(2)} ×`
      })
      console.log(`${dtype}, r ${r}: ${cells.join('; ')}`)
    }
  }
}
