// Does memory stay? Many images of ViT-Ti in int8 from pixels, in one process.
//
//     node bench/soak.mjs [--images 100000] [--dtype int8] [--json]
//
// Calls of eight images of pixel values, of one, and of eight raw pictures take turns. A hundred times (in runs below 10,000 images twenty
// times), the garbage is collected and two things are read: the bytes that the addon holds (weights, activations, crops, coefficients,
// position grids, recycled blocks of jobs), and resident memory. Exit code 1 unless, in the words for 100,000 images,
// - the addon holds as much at 100,000 as at 20,000, and
// - the median of resident memory over the last 10,000 is at most 10 MB above that over images 20,000 to 30,000.
// `--hold` keeps a megabyte of every image: the run must then fail. Needs a build (npm run build).
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { prepareModel } from './inputs/models.mjs'
import { uniform } from './inputs/random.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
const { load } = require('../dist/index.js')
const { native } = require('../dist/native.js')

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    dtype: { type: 'string', default: 'int8' },
    cache: { type: 'string', default: join(here, '.cache') },
    json: { type: 'boolean', default: false },
    hold: { type: 'boolean', default: false },
  },
})
const total = Number(values.images)
if (!Number.isInteger(total) || total < 100) {
  process.stderr.write(`--images ${values.images}: expected a whole number of at least 100\n`)
  process.exit(2)
}
const ALLOWED = 10e6
const SAMPLES = total < 10_000 ? 20 : 100
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

/** What the addon holds, and what it would hold more of if something were left behind. */
function held() {
  const { pagesBytes, recycledBytes, weightBytes, models, pictures, poolThreads } = native().counters()
  return { pagesBytes, recycledBytes, weightBytes, models, pictures, poolThreads }
}

const side = 224
const pixels = (images) => ({
  type: 'float32',
  dims: [images, 3, side, side],
  data: uniform(new Float32Array(images * 3 * side * side), 17 + images, 1),
})
const picture = (seed) => ({
  data: Uint8Array.from(uniform(new Float32Array(256 * 320 * 3), seed, 60, 128), (v) => Math.min(255, Math.max(0, v))),
  width: 320,
  height: 256,
  channels: 3,
})
const calls = [
  [pixels(8), 8],
  [pixels(1), 1],
  [Array.from({ length: 8 }, (_, i) => picture(i + 1)), 8],
]

const folder = await prepareModel(values.cache, 'soak-vit-ti16', [join(here, 'inputs', 'models.mjs')], async () => {})
const model = await load(folder, { dtype: values.dtype })
const samples = []
const kept = []
const start = performance.now()
let done = 0
for (let i = 0; samples.length < SAMPLES; i++) {
  const [input, images] = calls[i % calls.length]
  await model.features(input)
  done += images
  if (values.hold) kept.push(new Uint8Array(images * 1e6).fill(1))
  if (done < ((samples.length + 1) * total) / SAMPLES) continue
  gc()
  samples.push({ images: done, rss: process.memoryUsage.rss(), held: held() })
  if (samples.length % 10 === 0) process.stderr.write(`${done} images, resident ${(samples.at(-1).rss / 1e6).toFixed(1)} MB\n`)
}
const seconds = (performance.now() - start) / 1000
await model.close()

const median = (list) => list.map(({ rss }) => rss).sort((a, b) => a - b)[list.length >> 1]
const [early, late] = [samples[SAMPLES / 5 - 1], samples[SAMPLES - 1]]
const [residentEarly, residentLate] = [median(samples.slice(SAMPLES / 5, (3 * SAMPLES) / 10)), median(samples.slice(-SAMPLES / 10))]
const same = JSON.stringify(early.held) === JSON.stringify(late.held)
const stays = residentLate <= residentEarly + ALLOWED
const result = {
  images: late.images,
  dtype: values.dtype,
  seconds,
  isa: model.info.isa,
  threads: model.info.threads,
  held: { same, at: early.images, early: early.held, late: late.held },
  resident: { stays, early: residentEarly, late: residentLate, allowed: ALLOWED },
}
if (values.json) {
  process.stdout.write(`${JSON.stringify(result)}\n`)
} else {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
  const bytes = ({ pagesBytes, recycledBytes }) => `${pagesBytes} bytes in pages, ${recycledBytes} in recycled blocks`
  process.stdout.write(
    `${result.images} images of ViT-Ti, ${values.dtype}, ${result.isa}, ${result.threads} threads: ${seconds.toFixed(0)} s\n` +
      `held at ${early.images}: ${bytes(early.held)}; at the end: ${bytes(late.held)}: ${same ? 'the same' : 'NOT the same'}\n` +
      `resident, median from ${total / 5} to ${(3 * total) / 10}: ${mb(residentEarly)}; over the last ${total / 10}: ${mb(residentLate)}: ` +
      `${stays ? 'within' : 'NOT within'} ${mb(ALLOWED)}\n`,
  )
}
process.exitCode = same && stays ? 0 : 1
