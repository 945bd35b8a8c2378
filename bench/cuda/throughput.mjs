// Images a second, by batch: one call after another, from pixel values and from JPEG files; beside PyTorch where a Python with torch is given.
// Before it: index.js; after it: torch-vit.py.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { preparePhotos } from '../inputs/images.mjs'
import { uniform } from '../inputs/random.mjs'
import { shapeOf } from './random-models.mjs'

/** Calls until the time is over, after a few that are not counted. */
async function rate(seconds, images, call) {
  for (let i = 0; i < 3; i++) await call()
  const start = performance.now()
  let calls = 0
  do {
    await call()
    calls++
  } while (performance.now() - start < seconds * 1000)
  return (calls * images * 1000) / (performance.now() - start)
}

export async function timeModel(load, folder, name, { device, dtype, batches, seconds, cache }) {
  const photos = await preparePhotos(cache, Math.min(8, Math.max(...batches)))
  const model = await load(folder, { device, dtype })
  const rows = []
  try {
    const { height, width } = model.info.imageSize
    for (const batch of batches) {
      const length = 3 * height * width
      const pixels = { type: 'float32', dims: [batch, 3, height, width], data: uniform(new Float32Array(batch * length), 29, 1) }
      const files = Array.from({ length: batch }, (_, i) => photos[i % photos.length])
      const { device: where } = model.info
      rows.push({
        name,
        dtype,
        where,
        batch,
        pixels: await rate(seconds, batch, () => model.features(pixels)),
        jpeg: await rate(seconds, batch, () => model.features(files)),
      })
    }
  } finally {
    await model.close()
  }
  return rows
}

/** A compiled ViT of the same shape in fp16, with the copies to and from the device, as vitrine's figures have them. */
export function timeTorch(python, name, { batches, seconds, device }) {
  const script = fileURLToPath(new URL('torch-vit.py', import.meta.url))
  const shape = JSON.stringify({ ...shapeOf(name), batches, seconds, device: device === 'ort-cpu' ? 'cpu' : 'cuda' })
  const done = spawnSync(python, [script, shape], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (done.status !== 0) throw new Error(`${python} ${script} ended with ${done.error?.message ?? `code ${done.status}`}`)
  const { torch, rates } = JSON.parse(done.stdout.trim().split('\n').at(-1))
  return rates.map((pixels, i) => ({ name, dtype: 'fp16', where: `PyTorch ${torch}, compiled`, batch: batches[i], pixels }))
}
