// The arguments of run.mjs, checked; a wrong one ends the run with what is allowed.
import { parseArgs } from 'node:util'

const inputNames = ['pixels', 'jpeg']
const formats = ['text', 'markdown', 'json']

const usage = (models, peers) => `npm run bench -- [options]
  --models LIST          of ${models.join(', ')}, or all (default vit-b16,vit-s16)
  --batches LIST         images per call (default 1,8)
  --threads LIST         for every peer; one number after another (default 2)
  --rounds N             turns of each peer in each cell; minima are taken over all (default 5)
  --only LIST            of ${peers.join(', ')}
                         (default all that can run here, except vitrine-avx2)
  --inputs LIST          of ${inputNames.join(', ')} (default both)
  --python PATH          an interpreter with openvino, nncf, torch and safetensors, or some of them: measures their peers
  --python-zentorch PATH an interpreter with zentorch and the torch that it wants
  --yardstick PATH       a program that is given the peaks and prints times (README.md), measured in turn with the rest
  --plot FILE.svg        also draw the times
  --calls N              timed calls a turn, at least (default 3)
  --ms N                 timed milliseconds a turn, at least (default 500)
  --wait N               seconds, in all, to wait for other processes to rest before a round (default 60)
  --format NAME          ${formats.join(', ')} (default text); JSON is always written to bench/results as well
`

/** `models` and `peers`: the names there are. Ends the process on a wrong argument and on --help. */
export function readOptions(argv, models, peers) {
  const help = usage(models, peers)
  const fail = (message) => {
    process.stderr.write(`bench: ${message}\n\n${help}`)
    process.exit(2)
  }
  let values
  try {
    const text = (fallback) => ({ type: 'string', ...(fallback === undefined ? {} : { default: fallback }) })
    ;({ values } = parseArgs({
      args: argv,
      options: {
        models: text('vit-b16,vit-s16'),
        batches: text('1,8'),
        threads: text('2'),
        rounds: text('5'),
        only: text(),
        inputs: text(inputNames.join()),
        python: text(),
        'python-zentorch': text(),
        yardstick: text(),
        plot: text(),
        calls: text('3'),
        ms: text('500'),
        wait: text('60'),
        format: text('text'),
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    fail(error.message)
  }
  if (values.help) {
    process.stdout.write(help)
    process.exit(0)
  }
  const list = (name, allowed) => {
    const items = [...new Set(values[name].split(',').filter(Boolean))]
    const wrong = items.find((item) => !allowed.includes(item))
    if (wrong !== undefined || items.length === 0) fail(`--${name}: ${wrong ?? 'nothing'} is not one of ${allowed.join(', ')}`)
    return items
  }
  const number = (name, text = values[name]) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
    const least = name === 'wait' ? 0 : 1
    if (!(value >= least)) fail(`--${name}: expected a whole number from ${least}, found ${text}`)
    return value
  }
  const numbers = (name) => [...new Set(values[name].split(',').map((text) => number(name, text)))]
  if (values.plot !== undefined && !values.plot.endsWith('.svg')) fail(`--plot: expected a file named .svg, found ${values.plot}`)
  return {
    models: values.models === 'all' ? models : list('models', models),
    batches: numbers('batches'),
    threads: numbers('threads'),
    rounds: number('rounds'),
    only: values.only === undefined ? null : list('only', peers),
    inputs: list('inputs', inputNames),
    pythons: { python: values.python, 'python-zentorch': values['python-zentorch'] },
    yardstick: values.yardstick,
    plot: values.plot,
    calls: number('calls'),
    ms: number('ms'),
    wait: number('wait'),
    format: list('format', formats)[0],
  }
}
