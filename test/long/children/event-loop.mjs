// Event-loop delay, idle and under each kind of load, at least 5 s each, as JSON: { idle, jpeg, float, tokens }, each { p99, max } in ms.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const require = createRequire(import.meta.url)
const { load } = require('../../../dist/index.js')
const model = await load(process.argv[2])
const jpeg = readFileSync(process.argv[3])
const jpegs = Array.from({ length: 32 }, () => jpeg)
const floats = { type: 'float32', dims: [32, 3, 224, 224], data: new Float32Array(32 * 3 * 224 * 224) }

async function measure(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  while (performance.now() - start < 5000) await work()
  delay.disable()
  return { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
}
const wait = () => new Promise((resolve) => setTimeout(resolve, 5000))
await model.features(jpegs.slice(0, 2))
const result = {
  idle: await measure(wait),
  jpeg: await measure(() => model.features(jpegs)),
  float: await measure(() => model.features(floats)),
  tokens: await measure(() => model.features(jpegs, { pool: 'tokens' })),
}
process.stdout.write(JSON.stringify(result))
