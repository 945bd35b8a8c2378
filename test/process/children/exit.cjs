// Ends in the way that argv[3] names, with the addon at work on the model of argv[2].
const { Worker, isMainThread, workerData } = require('node:worker_threads')

const [path, way] = isMainThread ? process.argv.slice(2) : [workerData.path, workerData.way]
// Of this way the main thread never sees the addon.
const workersOnly = isMainThread && way === 'only-in-workers'
const { addon, open, untilRunning } = workersOnly ? {} : require('./engine.cjs')
const ended = (worker) => new Promise((resolve) => worker.once('exit', resolve))

const ways = {
  async 'process-exit'() {
    const { begin } = await open(path)
    begin(4)
    await untilRunning()
    process.exit(5)
  },
  async 'exit-while-loading'() {
    void open(path)
    setImmediate(() => process.exit(6))
  },
  async uncaught() {
    const { begin } = await open(path)
    for (const job of begin(4)) job.promise.catch(() => {})
    await untilRunning()
    setImmediate(() => {
      throw new Error('planned')
    })
  },
  async 'not-awaited'() {
    const { begin } = await open(path)
    Promise.all(begin(3).map((job) => job.promise)).then(() => process.stdout.write('settled'))
  },
  async 'left-open'() {
    const { begin } = await open(path)
    await begin()[0].promise
    process.stdout.write('done')
  },
  async 'only-loaded'() {
    process.stdout.write(addon.runtime().version)
  },
  async 'only-in-workers'() {
    for (let round = 0; round < 2; round++) {
      const workers = [1, 2].map(() => new Worker(__filename, { workerData: { path, way: 'left-open' } }))
      await Promise.all(workers.map(ended))
    }
    process.exitCode = 7
  },
  async 'worker-exits'() {
    const worker = new Worker(__filename, { workerData: { path, way: 'process-exit' } })
    process.exitCode = (await ended(worker)) + 10
    process.stdout.write(`${addon.counters().environments} ${addon.counters().blocksRunning}`)
  },
  async 'worker-throws'() {
    const worker = new Worker(__filename, { workerData: { path, way: 'uncaught' } })
    worker.on('error', (error) => process.stdout.write(error.message))
    process.exitCode = (await ended(worker)) + 20
  },
  async 'exit-beside-a-worker'() {
    const worker = new Worker(__filename, { workerData: { path, way: 'not-awaited' } })
    await new Promise((resolve) => worker.once('online', resolve))
    await untilRunning()
    process.exit(8)
  },
}
void ways[way]()
