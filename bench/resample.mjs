// The engine's resize beside Pillow's Image.resize: RGB, bicubic, one thread, no decoding, on every instruction set of this machine.
//
//     node bench/resample.mjs --python PATH [--size 1280x960] [--to 341x256] [--rounds N] [--ms N]
//
// Turns alternate (Pillow, then each instruction set, over and over), minima count. Both must give the same bytes, or nothing is printed.
// Each call computes its coefficients and takes its memory anew. Needs a build (npm run build) and Pillow 13. After it: resample/.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { watchOthers } from './environment.mjs'
import { table } from './report/table.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const text = (fallback) => ({ type: 'string', default: fallback })
const { values } = parseArgs({
  options: { python: text('python3'), size: text('1280x960'), to: text('341x256'), rounds: text('10'), ms: text('100') },
})

/** A picture of coloured noise: what the pixels are makes no difference to the time. */
function picture(bytes) {
  let state = 1
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(`${command} failed (${error?.message ?? `exit code ${status}`}): ${stderr?.trim().split('\n').at(-1)}`)
  return JSON.parse(stdout)
}

function main() {
  const sizes = [values.size, values.to].flatMap((size) => {
    const parts = size.match(/^([1-9]\d{0,4})x([1-9]\d{0,4})$/)
    if (!parts) throw new Error(`expected a size as 1280x960, found ${size}`)
    return parts.slice(1)
  })
  const program = here('../build/Release/vitrine_bench_resample')
  const addon = here('../build/Release/vitrine.node')
  if (!existsSync(program) || !existsSync(addon)) throw new Error('no build: npm run build')
  const isas = createRequire(import.meta.url)(addon)
    .runtime()
    .isas.filter(({ supported, name }) => supported && name !== 'reference')

  const folder = mkdtempSync(join(tmpdir(), 'vitrine-resample-'))
  const [source, out] = [join(folder, 'in.rgb'), join(folder, 'out.rgb')]
  try {
    writeFileSync(source, picture(3 * sizes[0] * sizes[1]))
    const args = [source, ...sizes, out, values.ms]
    const turns = [
      { name: 'Pillow', turn: () => run(values.python, [here('resample/pillow.py'), ...args]) },
      ...isas.map(({ name }) => ({ name, turn: () => run(program, args, { VITRINE_ISA: name }) })),
    ].map((row) => ({ ...row, best: Number.POSITIVE_INFINITY }))
    const finish = watchOthers()
    let seconds = 0
    let expected
    let version
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const row of turns) {
        const answer = row.turn()
        row.best = Math.min(row.best, answer.ms)
        seconds += answer.cpuSeconds
        version ??= answer.version
        const bytes = readFileSync(out)
        expected ??= bytes
        if (!bytes.equals(expected)) throw new Error(`${row.name}: other bytes than Pillow's`)
      }
    }
    const others = finish(seconds)
    const rows = turns.map(({ name, best }) => [name, best.toFixed(3), (turns[0].best / best).toFixed(2)])
    console.log(
      `RGB, bicubic, ${values.size} → ${values.to}, one thread; Pillow ${version}; other processes used ${(100 * others).toFixed(1)} %`,
    )
    console.log(table([['', 'ms', '× Pillow'], ...rows], false))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
}
