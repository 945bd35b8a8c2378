// Workers one after another, each terminated while one of its blocks is computed, beside a main thread that computes too. argv[2]: model,
// argv[3]: how many. Prints what is left of them.
const { once } = require('node:events')
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads')
const { addon, open, untilRunning } = require('./engine.cjs')

async function main(path, count) {
  const { model, begin } = await open(path)
  const before = addon.counters().weightBytes
  let own = 0
  for (let i = 0; i < count; i++) {
    const worker = new Worker(__filename, { workerData: { path, closes: i % 2 === 0 } })
    const jobs = begin(2)
    await Promise.race([once(worker, 'message'), once(worker, 'error').then(([error]) => Promise.reject(error))])
    await worker.terminate()
    own += (await Promise.all(jobs.map((job) => job.promise))).length
  }
  const { environments, models, weightBytes, pictures, blocksRunning } = addon.counters()
  process.stdout.write(JSON.stringify({ own, environments, models, sameWeights: weightBytes === before, pictures, blocksRunning }))
  model.close()
}

async function work({ path, closes }) {
  const { model, begin } = await open(path, 1)
  for (const job of begin(5)) job.promise.catch(() => {})
  void open(path)
  await untilRunning()
  if (closes) model.close()
  parentPort.postMessage('running')
  for (;;) await new Promise((resolve) => setImmediate(resolve))
}

void (isMainThread ? main(process.argv[2], Number(process.argv[3])) : work(workerData))
