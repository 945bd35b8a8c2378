// Ends in the way that argv[3] names, with ONNX Runtime inside a run or a load of the sources in argv[2].
const { Worker, isMainThread, workerData } = require('node:worker_threads')
const { readFileSync } = require('node:fs')

const [path, way] = isMainThread ? process.argv.slice(2) : [workerData.path, workerData.way]
const { library, file, weights } = JSON.parse(readFileSync(path, 'utf8'))
const workersOnly = isMainThread && way === 'only-in-workers'
const addon = workersOnly ? undefined : require(process.env.VITRINE_ADDON)
const ended = (worker) => new Promise((resolve) => worker.once('exit', resolve))
const turn = () => new Promise((resolve) => setImmediate(resolve))

const source = (model, key, extra = {}) => ({
  key,
  library,
  model,
  provider: { name: 'cpu', options: {} },
  threads: 2,
  input: 'pixels',
  batch: 4,
  graphCapture: false,
  ...extra,
})
const open = () => addon.loadOnnxModel(source(file, 'slow')).promise
function begin(model, side = 4) {
  const image = { kind: 'pixels', data: new Float32Array(3 * side * side).fill(1), width: side, height: side }
  const normalise = { mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 }
  return model.run(image, [{ port: 'slow', normalize: false }], [new Float32Array(1)], 0, { burst: 1, normalise })
}
async function midRun() {
  const model = await open()
  const job = begin(model)
  job.promise.catch(() => {})
  while (addon.counters().onnxRunning === 0) await turn()
  return { model, job }
}
async function midLoad() {
  const job = addon.loadOnnxModel(source(Buffer.from(weights.model, 'base64'), 'weights', weights.source))
  job.promise.catch(() => {})
  while (addon.counters().onnxSessions === 0) await turn()
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.VITRINE_DELAY ?? 100)))
}

const ways = {
  async 'exit-in-run'() {
    await midRun()
    process.exit(5)
  },
  async 'exit-in-load'() {
    await midLoad()
    process.exit(6)
  },
  async 'exit-while-opening'() {
    addon.openOnnxLibrary(library).promise.catch(() => {})
    setImmediate(() => process.exit(6))
  },
  async uncaught() {
    await midRun()
    setImmediate(() => {
      throw new Error('planned')
    })
  },
  async 'cancelled-then-over'() {
    const { job } = await midRun()
    job.cancel()
  },
  async 'closed-then-over'() {
    const { model, job } = await midRun()
    job.cancel()
    model.close()
  },
  async 'left-open'() {
    await open()
    process.stdout.write('done')
  },
  async 'only-in-workers'() {
    const workers = [1, 2].map(() => new Worker(__filename, { workerData: { path, way: 'left-open' } }))
    await Promise.all(workers.map(ended))
    process.exitCode = 7
  },
  async 'worker-exits'() {
    const worker = new Worker(__filename, { workerData: { path, way: 'exit-in-run' } })
    process.exitCode = (await ended(worker)) + 10
    process.stdout.write(`${addon.counters().environments}`)
  },
  async 'worker-terminated'() {
    const worker = new Worker(__filename, { workerData: { path, way: 'exit-never' } })
    while (addon.counters().onnxRunning === 0) await turn()
    await worker.terminate()
    while (addon.counters().onnxSessions > 0) await turn()
    process.stdout.write(`${addon.counters().environments} ${addon.counters().models}`)
  },
  async 'exit-never'() {
    await midRun()
    setInterval(() => {}, 1000)
  },
  async 'exit-beside-a-worker'() {
    new Worker(__filename, { workerData: { path, way: 'exit-never' } })
    while (addon.counters().onnxRunning === 0) await turn()
    process.exit(8)
  },
}
void ways[way]()
