// What a narrow dtype costs: the CLS vectors of bf16 and int8 beside fp32, over crops of the example photographs.
//
//     node bench/fidelity.mjs [--checkpoint folder] [--dtypes bf16,int8] [--photos folder] [--seeds 1,2,3]
//
// 12 crops of each photograph (inputs/crops.mjs). Prints the least and the mean cosine to fp32, and for how many crops the nearest neighbour
// among the others is the same. Crops of one photograph are each other's likeliest neighbours, so the last figure is strict. Needs a build
// (npm run build).
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compare, crops } from './inputs/crops.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(join(root, 'package.json'))
const { load } = require(join(root, 'dist', 'index.js'))
const { values } = parseArgs({
  options: {
    checkpoint: { type: 'string', default: join(root, 'models', 'default') },
    dtypes: { type: 'string', default: 'bf16,int8' },
    seeds: { type: 'string', default: '1' },
    photos: { type: 'string', default: join(root, 'examples', 'photos') },
  },
})

async function vectors(images, dtype) {
  const model = await load(values.checkpoint, { device: 'cpu', dtype })
  const { data, dims } = await model.features(images, { normalize: true })
  await model.close()
  return Array.from({ length: dims[0] }, (_, i) => data.subarray(i * dims[1], (i + 1) * dims[1]))
}

for (const seed of values.seeds.split(',').map(Number)) {
  const images = await crops(values.photos, seed)
  const exact = await vectors(images, 'fp32')
  console.log(`${values.checkpoint}: ${images.length} crops, seed ${seed}`)
  for (const dtype of values.dtypes.split(',')) {
    const { least, mean, same } = compare(await vectors(images, dtype), exact)
    console.log(
      `${dtype}: cosine to fp32 min ${least.toFixed(6)}, mean ${mean.toFixed(6)}; nearest neighbour the same for ${same} of ${images.length}`,
    )
  }
}
