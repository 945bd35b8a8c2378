// Starts a large batch and says so once a block of it is running.
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

const { kind, flag } = workerData
if (kind === 'empty') {
  parentPort.postMessage('ready')
  setInterval(() => {}, 1000)
} else {
  const require = createRequire(import.meta.url)
  const { load } = require('../../../dist/index.js')
  const { native } = require('../../../dist/native.js')
  const model = await load()
  model.features({ type: 'float32', dims: [16, 3, 224, 224], data: new Float32Array(16 * 3 * 224 * 224) }).catch(() => {})
  const poll = () => {
    if (native().counters().blocksRunning > 0) {
      Atomics.store(flag, 0, 1)
      parentPort.postMessage('running')
    }
    setImmediate(poll)
  }
  poll()
}
