// Loads a model through the packed cache and prints what became of it: node packed-cache.cjs <model.json> <folder> <way>
const { readFileSync } = require('node:fs')
const { createHash } = require('node:crypto')
const { setTimeout: sleep } = require('node:timers/promises')
const addon = require(process.env.VITRINE_ADDON)
const [file, folder, way] = process.argv.slice(2)
const { spec, side } = JSON.parse(readFileSync(file, 'utf8'))

async function main() {
  const cache = way === 'off' ? {} : { packedCache: { folder, limitBytes: 2 ** 30 } }
  const model = await addon.loadModel(spec, { threads: 2, ...cache }).promise
  if (way === 'kill') process.kill(process.pid, 'SIGKILL')
  const data = Float32Array.from({ length: 3 * side * side }, (_, i) => Math.sin(i))
  const sink = new Float32Array(spec.dim)
  const output = { kind: 'pool', branches: [{ terms: [{ row: 0, count: 1, mean: false, afterNorm: true }], head: -1 }], normalize: false, layer: -1 }
  await model.run({ kind: 'pixels', data, height: side, width: side }, [output], [sink], 0).promise
  if (way === 'wait') while (addon.counters().cacheWriting > 0) await sleep(5)
  const { cacheWritten, cacheFailed } = addon.counters()
  const bits = createHash('sha256').update(new Uint8Array(sink.buffer)).digest('hex')
  process.stdout.write(JSON.stringify({ state: model.packedCache, bits, isa: model.isa, ...(way === 'wait' && { cacheWritten, cacheFailed }) }))
  if (way === 'exit') process.exit(0)
}
main()
