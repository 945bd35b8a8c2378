// node bench/cuda --device cuda: whether a GPU gives the right vectors, and how fast, in one command on a machine that has Node, vitrine and
// an ONNX Runtime with CUDA. --device cpu runs the same code on ONNX Runtime's CPU provider at small sizes. Prints a Markdown note; exit code
// 1 where a vector is not what it has to be. Reading order: parity.mjs, throughput.mjs, note.mjs.
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { note } from './note.mjs'
import { checkGoldens, checkRandom } from './parity.mjs'
import { makeModel } from './random-models.mjs'
import { timeModel, timeTorch } from './throughput.mjs'

const help = `node bench/cuda [options]
  --device <name>     cuda (default), cuda:1, another provider of ONNX Runtime, or cpu: ONNX Runtime's CPU provider at small sizes
  --models <names>    of vit-b16, vit-l16, vit-ti16, tiny (default: vit-b16,vit-l16; on the CPU tiny)
  --batches <n,…>     images per call (default: 1,8,64; on the CPU 1,4)
  --seconds <s>       of each measurement (default: 3; on the CPU 0.2)
  --fixtures <folder> checkpoints with goldens to check too; each is a folder with golden.safetensors
  --default <folder>  the default checkpoint with its goldens and photographs (default: models/default of the clone)
  --python <program>  a Python with torch: a compiled fp16 ViT is timed beside
  --output <file>     where the note goes (default: standard output)
  --cache <folder>    where random checkpoints are written (default: bench/.cache)`

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const say = (text) => process.stderr.write(`bench/cuda: ${text}\n`)

/** The clone's build, else the installed package. */
async function vitrine() {
  const built = here('../../dist/index.js')
  if (existsSync(built)) return createRequire(import.meta.url)(built)
  return import('vitrine')
}

function options() {
  const names = ['device', 'models', 'batches', 'seconds', 'fixtures', 'default', 'python', 'output', 'cache']
  const { values } = parseArgs({
    options: { ...Object.fromEntries(names.map((name) => [name, { type: 'string' }])), help: { type: 'boolean' } },
  })
  if (values.help) {
    process.stdout.write(`${help}\n`)
    process.exit(0)
  }
  const cpu = values.device === 'cpu'
  return {
    device: cpu ? 'ort-cpu' : (values.device ?? 'cuda'),
    models: (values.models ?? (cpu ? 'tiny' : 'vit-b16,vit-l16')).split(','),
    batches: (values.batches ?? (cpu ? '1,4' : '1,8,64')).split(',').map(Number),
    seconds: Number(values.seconds ?? (cpu ? 0.2 : 3)),
    fixtures: values.fixtures,
    checkpoint: values.default ?? here('../../models/default'),
    photos: here('../../examples/photos'),
    python: values.python,
    output: values.output,
    cache: values.cache ?? here('../.cache'),
  }
}

async function main() {
  const wanted = options()
  const { load } = await vitrine()
  const device = { name: wanted.device, batch: Math.max(...wanted.batches) }
  const result = { wanted, machine: { cpu: os.cpus()[0]?.model ?? '?', cores: os.cpus().length, node: process.version }, parity: [], speed: [], torch: [] }

  if (existsSync(join(wanted.checkpoint, 'golden.safetensors'))) {
    for (const dtype of ['fp32', 'fp16']) {
      say(`goldens of ${wanted.checkpoint}, ${dtype}`)
      result.parity.push(await checkGoldens(load, wanted.checkpoint, { device, dtype, photos: wanted.photos }))
    }
  }
  if (wanted.fixtures) result.parity.push(...(await checkFixtures(load, wanted.fixtures, device)))
  for (const name of wanted.models) {
    const folder = await makeModel(wanted.cache, name)
    for (const dtype of ['fp32', 'fp16']) {
      say(`${name}, ${dtype}: beside vitrine's own engine`)
      const { check, info } = await checkRandom(load, folder, name, { device, dtype })
      result.parity.push(check)
      result.info ??= info
      say(`${name}, ${dtype}: timing`)
      result.speed.push(...(await timeModel(load, folder, name, { ...wanted, device, dtype })))
    }
    if (wanted.python) {
      say(`${name}: PyTorch`)
      result.torch.push(...timeTorch(wanted.python, name, wanted))
    }
  }
  const text = note(result)
  if (wanted.output) writeFileSync(wanted.output, text)
  else process.stdout.write(text)
  return result.parity.every(({ good }) => good)
}

/** Every folder with goldens that this version opens, in fp32. */
async function checkFixtures(load, parent, device) {
  const { readdirSync } = await import('node:fs')
  const checks = []
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name)
    if (!existsSync(join(folder, 'golden.safetensors')) || !existsSync(join(folder, 'golden.json'))) continue
    const check = await checkGoldens(load, folder, { device, dtype: 'fp32' })
    say(`${name}: ${check.good ? 'good' : `WRONG, ${check.worst}`}${check.skipped ? ` (${check.skipped})` : ''}`)
    if (!check.skipped) checks.push(check)
  }
  return checks
}

main().then(
  (good) => {
    process.exitCode = good ? 0 : 1
  },
  (error) => {
    process.stderr.write(`bench/cuda: ${error.code ? `${error.code}: ` : ''}${error.message}\n`)
    process.exitCode = 1
  },
)
