// Ends a process that has the addon at work, in one of the ways of argv[2].
import { createRequire } from 'node:module'
import { Worker, isMainThread, workerData } from 'node:worker_threads'

const require = createRequire(import.meta.url)
const way = isMainThread ? process.argv[2] : workerData
const vitrine = () => require('../../../dist/index.js')
const batch = { type: 'float32', dims: [4, 3, 224, 224], data: new Float32Array(4 * 3 * 224 * 224) }

async function midInference() {
  const { native } = require('../../../dist/native.js')
  const model = await vitrine().load()
  const call = model.features(batch)
  while (native().counters().blocksRunning === 0) await new Promise((resolve) => setImmediate(resolve))
  return { model, call }
}

if (way === 'workers-only') {
  const workers = Array.from({ length: 2 }, () => new Worker(new URL(import.meta.url), { workerData: 'worker' }))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve))))
  process.exitCode = 7
} else if (way === 'worker') {
  const model = await vitrine().load()
  await model.features({ ...batch, dims: [1, 3, 224, 224], data: batch.data.slice(0, 3 * 224 * 224) })
} else if (way === 'process-exit') {
  await midInference()
  process.exit(5)
} else if (way === 'uncaught') {
  const { call } = await midInference()
  call.catch(() => {})
  setImmediate(() => {
    throw new Error('planned')
  })
} else if (way === 'not-awaited') {
  const { call } = await midInference()
  call.then((features) => process.stdout.write(`settled ${features.dims.join('x')}`))
} else if (way === 'left-open') {
  const model = await vitrine().load()
  const features = await model.features({ ...batch, dims: [1, 3, 224, 224], data: batch.data.slice(0, 3 * 224 * 224) })
  process.stdout.write(`done ${features.dims.join('x')}`)
}
