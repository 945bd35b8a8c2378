// The kernels of an encoder block one by one, on one thread: time, share of the arithmetic peak, and what is lost beside it.
//
//     node bench/kernels.mjs [--isa avx2,avx512] [--dtypes fp32,bf16,int8] [--models vit-s16,vit-b16] [--tokens 197] [--ms 1500] [--markdown]
//
// The peak is that of multiply-adds in registers on the same instruction set and thread. "lost" is the time beyond it; the block counts its
// two norms. What a whole model reaches, bench/run.mjs says. Needs a build (npm run build). After it: kernels/.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { shapes } from './inputs/models.mjs'
import { number, table } from './report/table.mjs'

const text = (fallback) => ({ type: 'string', default: fallback })
const { values } = parseArgs({
  options: {
    isa: text(''),
    dtypes: text('fp32,bf16,int8'),
    models: text('vit-s16,vit-b16'),
    tokens: text('197'),
    ms: text('1500'),
    markdown: { type: 'boolean', default: false },
  },
})

function measure(isa, dtype, dim) {
  const program = fileURLToPath(new URL('../build/Release/vitrine_bench_kernels', import.meta.url))
  if (!existsSync(program)) throw new Error('no build: npm run build')
  const env = isa === '' ? process.env : { ...process.env, VITRINE_ISA: isa }
  const { status, stdout, stderr } = spawnSync(program, [String(dim), values.tokens, dtype, values.ms], { encoding: 'utf8', env })
  if (status !== 0) throw new Error(stderr.trim() || `${program} ended with exit code ${status}`)
  return JSON.parse(stdout)
}

function report({ isa, peak, stages }, model, dtype) {
  const row = ({ name, flops, seconds }) => [
    name,
    number(seconds * 1e6),
    flops > 0 && peak > 0 ? number(flops / seconds / peak, 3) : '–',
    peak > 0 ? number((seconds - flops / peak) * 1e6) : '–',
  ]
  const sum = (field) => stages.reduce((total, stage) => total + stage[field] * (stage.name === 'norm' ? 2 : 1), 0)
  const block = { name: 'block', flops: sum('flops'), seconds: sum('seconds') }
  const limit = peak > 0 ? `peak ${number(peak / 1e9)} GFLOP/s` : 'no peak known'
  const rows = [['kernel', 'µs', 'share', 'lost µs'], ...stages.map(row), row(block)]
  return `${model}, ${dtype}, ${isa}, ${values.tokens} tokens, ${limit}\n\n${table(rows, values.markdown)}\n`
}

try {
  for (const isa of values.isa.split(','))
    for (const dtype of values.dtypes.split(','))
      for (const model of values.models.split(',')) {
        if (!['fp32', 'bf16', 'int8'].includes(dtype)) throw new Error(`expected fp32, bf16 or int8 as a dtype, found ${dtype}`)
        if (!shapes[model]) throw new Error(`expected one of ${Object.keys(shapes).join(', ')} as a model, found ${model}`)
        console.log(report(measure(isa, dtype, shapes[model].dim), model, dtype))
      }
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
}
