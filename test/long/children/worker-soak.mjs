// N workers one after another, each terminated while one of its encoder blocks is running (or, with "empty", doing nothing).
// Prints {"after50": bytes, "after200": bytes, "running": n}: resident memory, and how often a block was seen running.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const [kind, count] = [process.argv[2], Number(process.argv[3] ?? 200)]
const script = fileURLToPath(new URL('./worker-soak-worker.mjs', import.meta.url))
const require = createRequire(import.meta.url)
const memory = () => {
  globalThis.gc()
  return process.memoryUsage.rss()
}
if (kind === 'model') require('../../../dist/index.js')
let running = 0
let after50 = 0
for (let i = 1; i <= count; i++) {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(script, { workerData: { kind, flag } })
  const failed = new Promise((_, reject) => worker.once('error', reject))
  const seen = new Promise((resolve) => worker.on('message', resolve))
  await Promise.race([seen, failed])
  running += Atomics.load(flag, 0)
  await worker.terminate()
  if (i === 50) after50 = memory()
}
process.stdout.write(JSON.stringify({ after50, after200: memory(), running }))
