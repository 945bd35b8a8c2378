// npm run bench: vitrine and its peers side by side. Sets itself up, makes the models and pictures, checks that all agree, times them in
// turns, prints tables and draws. Reading order: options.mjs, peers/list.mjs, inputs/, peers/child.mjs, agree.mjs, measure.mjs, report/.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertAgreement, cosine, vectors } from './agree.mjs'
import { environment, quietGate, watchOthers } from './environment.mjs'
import { calibrateOpenVino } from './inputs/calibrate.mjs'
import { nominalFlops, prepareModel, shapes } from './inputs/models.mjs'
import { observe, timeCells } from './measure.mjs'
import { readOptions } from './options.mjs'
import { preparePeak } from './peak/peak.mjs'
import { Peer } from './peers/child.mjs'
import { choosePeers, isOurs, peers as knownPeers } from './peers/list.mjs'
import { plot } from './report/plot.mjs'
import { report } from './report/report.mjs'
import { prepareYardstick } from './yardstick.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const cache = here('.cache')
const say = (text) => process.stderr.write(`bench: ${text}\n`)
const progress = (text) => (process.stderr.isTTY ? process.stderr.write(`\r\x1b[Kbench: ${text}`) : undefined)

/** The peers' packages, as package-lock.json says; no install script is run. */
function install() {
  const time = (path) => statSync(here(path), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (time('node_modules/.package-lock.json') > time('package-lock.json')) return
  say('installing the peers')
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: here('.'),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) throw new Error(`npm ci in bench/ failed (${npm.error?.message ?? `exit code ${npm.status}`})`)
}

/** The parts of vitrine's compiled library that write the peers' files. */
function library() {
  const require = createRequire(import.meta.url)
  const dist = (name) => require(`../dist/${name}.js`)
  const { version } = require('../package.json')
  return {
    ...dist('checkpoint/open'),
    ...dist('pooling'),
    ...dist('onnx/graph'),
    ...dist('onnx/values'),
    ...dist('onnx/proto'),
    ...dist('onnx/messages'),
    version,
  }
}

/** The cosine of each picture's vector, between the first of ours and transformers.js, which decode pictures. */
async function compareFromJpeg(peers, batch) {
  const pair = [peers.find(isOurs), peers.find(({ name }) => name === 'transformers.js')]
  if (pair.includes(undefined)) return null
  const [a, b] = [await vectors(pair[0], 'jpeg', batch), await vectors(pair[1], 'jpeg', batch)]
  const dim = a.length / batch
  const all = Array.from({ length: batch }, (_, i) => cosine(a.subarray(i * dim, (i + 1) * dim), b.subarray(i * dim, (i + 1) * dim)))
  return { peers: pair.map((peer) => peer.name), min: Math.min(...all), mean: all.reduce((x, y) => x + y) / batch }
}

/** Every room of lib/onnx: a change in any of them makes the peers' files stale. */
const graphSources = () =>
  readdirSync(here('../dist/onnx'))
    .filter((file) => file.endsWith('.js'))
    .map((file) => `../dist/onnx/${file}`)

/** Precisions that this CPU has no instruction for, and whether that for bytes saturates, where it can be measured. */
async function limits() {
  const peak = preparePeak(cache, 1)
  await peak.measure?.()
  if (!peak.gops) return {}
  return { emulated: ['bf16', 'int8'].filter((precision) => !peak.gops[precision]), saturates: peak.by.int8 === 'VPMADDUBSW' }
}

/** One model with one number of threads: every peer opened, compared, timed in turns. */
async function benchModel(name, threads, { options, peers: wanted, peak, yardstick, quiet, photos }) {
  const { writeOnnxFiles } = await import('./inputs/onnx-file.mjs')
  const { preparePixels } = await import('./inputs/images.mjs')
  const shape = shapes[name]
  const most = Math.max(...options.batches)
  say(`${name}: preparing`)
  const sources = ['inputs/models.mjs', 'inputs/random.mjs', 'inputs/onnx-file.mjs', 'inputs/onnx-int8.mjs', ...graphSources()]
  const folder = await prepareModel(cache, name, sources.map(here), (made) => writeOnnxFiles(made, library()))
  for (const peer of wanted) if (peer.name === 'openvino-int8') await calibrateOpenVino(folder, peer.interpreter, say)
  const pixels = preparePixels(cache, most, shape.size)

  const peers = wanted.map((peer) => new Peer(peer, threads, cache))
  try {
    for (const peer of peers) {
      progress(`${name}: opening ${peer.name}`)
      const dims = [most, 3, shape.size, shape.size]
      Object.assign(peer, await peer.ask('open', { folder, threads, pixels, dims, photos }))
    }
    const agreement = await assertAgreement(peers, most)
    const jpegCosine = options.inputs.includes('jpeg') ? await compareFromJpeg(peers, most) : null
    say(`${name}, ${threads} thread${threads > 1 ? 's' : ''}: all agree; timing`)
    const cells = await timeCells(peers, peak, yardstick, quiet, options, progress)
    const behaviour = await observe(peers, options, progress)
    progress('')
    const about = { versions: Object.assign({}, ...peers.map((peer) => peer.versions)), isa: peers.find((peer) => peer.isa)?.isa ?? null }
    const cpuSeconds = behaviour.reduce((sum, row) => sum + row.cpuSeconds, 0)
    return { about, cpuSeconds, result: { name, threads, flops: nominalFlops(shape), agreement, jpegCosine, cells, behaviour } }
  } finally {
    await Promise.all(peers.map((peer) => peer.close()))
  }
}

async function main() {
  const options = readOptions(process.argv.slice(2), Object.keys(shapes), Object.keys(knownPeers))
  mkdirSync(cache, { recursive: true })
  const { run: peers, left } = choosePeers(options.only, options.pythons, await limits())
  for (const { name, why } of left) say(`without ${name}: ${why}`)
  install()
  mkdirSync(here('results'), { recursive: true })
  const machine = environment()
  const quiet = quietGate(options.wait)
  const { preparePhotos } = await import('./inputs/images.mjs')
  const photos = await preparePhotos(cache, Math.max(...options.batches))

  const models = []
  const peaks = []
  const versions = {}
  let isa
  let others = 0
  for (const threads of options.threads) {
    const peak = preparePeak(cache, threads)
    // The yardstick chooses its own threads, two.
    const yardstick = options.yardstick && threads === 2 ? prepareYardstick(options.yardstick) : null
    const ours = () => (peak.cpuSeconds ?? 0) + (yardstick?.cpuSeconds ?? 0)
    for (const name of options.models) {
      const finish = watchOthers()
      const before = ours()
      const { result, about, cpuSeconds } = await benchModel(name, threads, { options, peers, peak, yardstick, quiet, photos })
      others = Math.max(others, finish(cpuSeconds + ours() - before))
      Object.assign(versions, about.versions)
      isa ??= about.isa
      models.push(result)
    }
    const { gops, by, missing } = peak
    peaks.push({ threads, gops, by, missing, yardstick: yardstick && { name: yardstick.name, cells: yardstick.cells } })
  }
  const about = peers.map(({ name, precision, peak, note }) => ({ name, precision, peak, note }))
  const results = { environment: machine, options, versions, isa, peers: about, left, peaks, models, others, loadAtEnd: os.loadavg() }
  const file = here(join('results', `${machine.date.replace(/[:.]/g, '-')}.json`))
  writeFileSync(file, report(results, 'json'))
  if (options.plot) writeFileSync(options.plot, plot(results))
  process.stdout.write(`${report(results, options.format)}\n`)
  say(`written to ${file}${options.plot ? ` and ${options.plot}` : ''}`)
}

main().catch((error) => {
  // Our own say all in their message, a peer's with the stack of its process; another class is a bug here.
  say(`FAILED: ${error.constructor === Error ? error.message : error.stack}`)
  process.exitCode = 1
})
