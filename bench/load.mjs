// How fast a model is there: load() packed from the checkpoint and from the packed cache, the first call beside a later one, resident memory.
//   node bench/load.mjs [--models vit-b16,vit-s16] [--dtypes fp32,bf16,int8] [--rounds 5] [--threads 2]
// "Packed, then kept" is the first start with the cache: while the calls run, the entry is written.
// Every figure is of a fresh process that has imported vitrine already, on files in the page cache, on pixel values; the minimum of the
// rounds, which alternate (load: the median too, since memory that the system has to fetch first makes some loads slower). The models are those
// of run.mjs, written into bench/.cache where they are not there.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { prepareModel } from './inputs/models.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'vit-b16,vit-s16' },
    dtypes: { type: 'string', default: 'fp32,bf16,int8' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
  },
})

// One process: what it is to load comes as JSON, what it measured goes out so. `settle` waits until the entry is written.
const child = `
const { load } = require(${JSON.stringify(join(here, '..', 'dist', 'index.js'))})
const { native } = require(${JSON.stringify(join(here, '..', 'dist', 'native.js'))})
const { setTimeout: sleep } = require('node:timers/promises')
const { folder, dtype, threads, settle } = JSON.parse(process.argv[1])
const data = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i))
const image = { type: 'float32', dims: [1, 3, 224, 224], data }
const timed = async (work) => { const start = performance.now(); const value = await work(); return [performance.now() - start, value] }
;(async () => {
  native().runtime()
  const [loadMs, model] = await timed(() => load(folder, { device: 'cpu', dtype, threads }))
  const [firstMs] = await timed(() => model.features(image))
  const { rss } = process.memoryUsage()
  const later = []
  for (let i = 0; i < 5; i++) later.push((await timed(() => model.features(image)))[0])
  while (settle && native().counters().cacheWriting > 0) await sleep(5)
  const { packedCache, weightBytes, isa } = model.info
  process.stdout.write(JSON.stringify({ loadMs, firstMs, laterMs: Math.min(...later), rss, packedCache, weightBytes, isa }))
  process.exit(0)
})()`

const run = (job, cache) =>
  JSON.parse(execFileSync(process.execPath, ['-e', child, JSON.stringify(job)], { env: { ...process.env, VITRINE_PACKED_CACHE: cache } }))

const least = (list, field) => Math.min(...list.map((one) => one[field]))
const median = (list, field) => list.map((one) => one[field]).sort((a, b) => a - b)[list.length >> 1]
const megabytes = (bytes) => Math.round(bytes / 1e6)

const rows = []
let isa
for (const name of values.models.split(',')) {
  const folder = await prepareModel(join(here, '.cache', 'load'), name, [join(here, 'inputs', 'models.mjs')], async () => {})
  for (const file of readdirSync(folder)) readFileSync(join(folder, file))
  await sleep(2500) // a checkpoint written just now is not kept
  const cache = mkdtempSync(join(tmpdir(), 'vitrine-load-'))
  try {
    const jobs = values.dtypes
      .split(',')
      .map((dtype) => ({ folder, dtype, threads: Number(values.threads), packed: [], kept: [], cached: [] }))
    for (const { folder, dtype, threads } of jobs) run({ folder, dtype, threads, settle: true }, cache)
    for (let round = 0; round < Number(values.rounds); round++)
      for (const job of jobs) {
        job.packed.push(run(job, 'off'))
        const empty = mkdtempSync(join(cache, 'empty-'))
        job.kept.push(run(job, empty))
        rmSync(empty, { recursive: true })
        job.cached.push(run(job, cache))
      }
    for (const { dtype, packed, kept, cached } of jobs) {
      if (cached.some((one) => one.packedCache !== 'hit')) throw new Error(`${name} ${dtype}: ${cached.map((one) => one.packedCache)}`)
      isa = packed[0].isa
      const { weightBytes } = packed[0]
      const allowed = 1.3 * weightBytes + 60e6
      for (const [how, list] of Object.entries({ packed, 'packed, then kept': kept, 'from the cache': cached })) {
        const ratio = least(list, 'firstMs') / least(list, 'laterMs')
        rows.push([
          `${name} ${dtype}, ${how}`,
          ...[least(list, 'loadMs'), median(list, 'loadMs'), least(list, 'firstMs'), least(list, 'laterMs')].map((ms) => ms.toFixed(0)),
          ratio.toFixed(2),
          `${megabytes(least(list, 'rss'))} (${megabytes(allowed)})`,
          megabytes(weightBytes),
        ])
      }
    }
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}

console.log(`${cpus()[0].model}, ${isa}, ${values.threads} threads, ${values.rounds} rounds, Node ${process.version}\n`)
console.log(
  '| model | load ms, least | median | first call ms | later call ms | first / later | resident MB (1.3 × weights + 60) | weights MB |',
)
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
