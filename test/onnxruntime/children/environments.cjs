// Two workers and the main thread on one key: what argv[2] describes. Prints what was seen.
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads')
const addon = require(process.env.VITRINE_ADDON)
const { library, file } = JSON.parse(isMainThread ? process.argv[2] : workerData)
const turn = () => new Promise((resolve) => setImmediate(resolve))

const load = () =>
  addon.loadOnnxModel({
    key: 'shared',
    library,
    model: file,
    provider: { name: 'cpu', options: {} },
    threads: 1,
    input: 'pixels',
    batch: 8,
    graphCapture: false,
  }).promise
async function sum(model, value) {
  const sink = new Float32Array(3)
  const image = { kind: 'pixels', data: new Float32Array(12).fill(value), width: 2, height: 2 }
  await model.run(image, [{ port: 'sum', normalize: false }], [sink], 0, { burst: 1 }).promise
  return sink[0]
}

async function main() {
  const model = await load()
  const seen = { sums: [await sum(model, 1)], most: 0 }
  const workers = [2, 3].map(() => new Worker(__filename, { workerData: process.argv[2] }))
  const answers = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  seen.sums.push(...answers)
  seen.most = addon.counters().onnxSessions
  seen.models = addon.counters().models
  await workers[0].terminate()
  seen.sums.push(await sum(model, 4))
  workers[1].postMessage('end')
  await new Promise((resolve) => workers[1].once('exit', resolve))
  seen.sums.push(await sum(model, 5))
  seen.left = addon.counters().models
  model.close()
  while (addon.counters().onnxSessions > 0) await turn()
  process.stdout.write(JSON.stringify(seen))
}
async function worker() {
  const model = await load()
  parentPort.postMessage(await sum(model, 2))
  parentPort.once('message', () => {})
}
void (isMainThread ? main() : worker())
