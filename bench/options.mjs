// The arguments of run.mjs, checked; a wrong one ends the run with what is allowed.
import { parseArgs } from 'node:util'

const usual = ['vitrine', 'onnxruntime-node', 'transformers.js']
const peerNames = [...usual, 'vitrine-bf16', 'vitrine-int8']
const inputNames = ['pixels', 'jpeg']
const formats = ['text', 'markdown', 'json']

const usage = `npm run bench -- [options]
  --models LIST    of MODELS (default vit-b16,vit-s16)
  --batches LIST   images per call (default 1,8)
  --threads N      for every peer (default 2)
  --rounds N       turns of each peer in each cell; minima are taken over all (default 5)
  --only LIST      of ${peerNames.join(', ')} (default the first three)
  --inputs LIST    of ${inputNames.join(', ')} (default both)
  --calls N        timed calls a turn, at least (default 3)
  --ms N           timed milliseconds a turn, at least (default 500)
  --wait N         seconds, in all, to wait for other processes to rest before a round (default 60)
  --format NAME    ${formats.join(', ')} (default text); JSON is always written to bench/results as well
`

function fail(message, models) {
  process.stderr.write(`bench: ${message}\n\n${usage.replace('MODELS', models.join(', '))}`)
  process.exit(2)
}

export function readOptions(argv, models) {
  let values
  try {
    const text = (fallback) => ({ type: 'string', default: fallback })
    ;({ values } = parseArgs({
      args: argv,
      options: {
        models: text('vit-b16,vit-s16'),
        batches: text('1,8'),
        threads: text('2'),
        rounds: text('5'),
        only: text(usual.join()),
        inputs: text(inputNames.join()),
        calls: text('3'),
        ms: text('500'),
        wait: text('60'),
        format: text('text'),
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    fail(error.message, models)
  }
  if (values.help) {
    process.stdout.write(usage.replace('MODELS', models.join(', ')))
    process.exit(0)
  }
  const list = (name, allowed) => {
    const items = values[name].split(',').filter(Boolean)
    const wrong = items.find((item) => !allowed.includes(item))
    if (wrong !== undefined || items.length === 0) fail(`--${name}: ${wrong ?? 'nothing'} is not one of ${allowed.join(', ')}`, models)
    return items
  }
  const number = (name, text = values[name]) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
    const least = name === 'wait' ? 0 : 1
    if (!(value >= least)) fail(`--${name}: expected a whole number from ${least}, found ${text}`, models)
    return value
  }
  return {
    models: list('models', models),
    batches: values.batches.split(',').map((text) => number('batches', text)),
    threads: number('threads'),
    rounds: number('rounds'),
    only: list('only', peerNames),
    inputs: list('inputs', inputNames),
    calls: number('calls'),
    ms: number('ms'),
    wait: number('wait'),
    format: list('format', formats)[0],
  }
}
