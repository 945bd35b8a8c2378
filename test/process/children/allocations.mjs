// allocations.mjs <counter> <checkpoint> <images>: that many images of each dtype through features(), every kind of input and call, and what
// the addon allocated meanwhile. Prints { [dtype]: { warmUp, images, measured } }, the first and the last as count-allocations.c gives them.
import { createRequire } from 'node:module'

const [counterPath, checkpoint, count] = [process.argv[2], process.argv[3], Number(process.argv[4])]
const require = createRequire(import.meta.url)
const counter = require(counterPath)
const { load } = require('../../../dist/index.js')
require(process.env.VITRINE_ADDON)

const raw = (width, height, channels, value) => ({
  data: new Uint8Array(width * height * channels).map((_, i) => (i * value) & 255),
  width,
  height,
  channels,
})
const floats = (images) => ({
  type: 'float32',
  dims: [images, 3, 224, 224],
  data: new Float32Array(images * 3 * 224 * 224).map((_, i) => ((i * 31) % 255) / 128 - 1),
})
const eight = Array.from({ length: 8 }, (_, i) => raw(260 + (i % 2) * 40, 240, 3, i + 3))
const [one, grey, clear] = [raw(300, 260, 3, 7), raw(224, 224, 1, 5), raw(250, 250, 4, 11)]
const [pixels, batch] = [floats(1), floats(8)]

/** Every way to ask; the images of each. */
const calls = [
  [(model) => model.features(one), 1],
  [(model) => model.features(grey, { pool: 'mean' }), 1],
  [(model) => model.features(clear), 1],
  [(model) => model.features(eight), 8],
  [(model) => model.features(pixels), 1],
  [(model) => model.features(batch, { pool: 'cls+mean' }), 8],
  [(model) => model.features(pixels, { pool: 'tokens' }), 1],
  [(model) => model.features(pixels, { pool: 'mean', tokenMerging: 8 }), 1],
  [(model) => Promise.all([model.features(one), model.features(batch), model.features(grey)]), 10],
]
async function rounds(model, images) {
  let done = 0
  for (let round = 0; done < images; round++) {
    for (const [call, each] of calls) {
      await call(model)
      done += each
    }
    if (round % 2 === 0) globalThis.gc()
  }
  return done
}

const result = {}
for (const dtype of ['fp32', 'bf16', 'int8']) {
  counter.watch(process.env.VITRINE_ADDON)
  const model = await load(checkpoint, { dtype })
  await rounds(model, 90)
  const warmUp = counter.stop()
  // Which thread gets which image is chance: each grows its memory when it first gets one of a kind. Until nothing grows any more.
  for (let calm = 0, pass = 0; calm < 2 && pass < 20; pass++) {
    counter.watch(process.env.VITRINE_ADDON)
    await rounds(model, 30)
    calm = counter.stop().calls === 0 ? calm + 1 : 0
  }
  counter.watch(process.env.VITRINE_ADDON)
  const images = await rounds(model, count)
  result[dtype] = { warmUp, images, measured: counter.stop() }
  await model.close()
}
process.stdout.write(JSON.stringify(result))
