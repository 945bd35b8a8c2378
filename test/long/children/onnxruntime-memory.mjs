// Loads the checkpoint of argv[2] on ONNX Runtime's CPU provider argv[3] times, and prints the resident megabytes beyond those at the start,
// without the heap of JavaScript, whose young generation grows by 16 MB when it likes.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const vitrine = require('../../../dist/index.js')
const { native } = require('../../../dist/native.js')
const [folder, times] = process.argv.slice(2)
const megabytes = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
const resident = () => megabytes('VmRSS') - process.memoryUsage().heapTotal / 2 ** 20
const turn = () => new Promise((resolve) => setImmediate(resolve))
const image = { type: 'float32', dims: [1, 3, 224, 224], data: new Float32Array(3 * 224 * 224).fill(0.1) }

await native().openOnnxLibrary(process.env.VITRINE_ORT_LIB).promise
globalThis.gc()
const start = resident()
const seen = { weights: 0, peak: 0, loaded: 0, run: 0, closed: [] }
for (let i = 0; i < Number(times); i++) {
  const model = await vitrine.load(folder, { device: 'ort-cpu' })
  if (i === 0) {
    seen.weights = (model.info.parameters * 4) / 2 ** 20
    seen.peak = megabytes('VmHWM') - start
    seen.loaded = resident() - start
  }
  await model.features(image)
  if (i === 0) seen.run = resident() - start
  await model.close()
  while (native().counters().onnxSessions > 0) await turn()
  globalThis.gc()
  seen.closed.push(Math.round(resident() - start))
}
process.stdout.write(JSON.stringify(seen))
