// Somebody else's program as a yardstick, in the same run: called with the peaks of fp32, bf16 and int8 in GOP/s (0 where there is none),
// it measures itself and prints lines `b16 fp32 batch 1: 163.2 ms per image, share of peak 0.920`; other lines are ignored. b16 is vit-b16.
// Before it: run.mjs; after it: measure.mjs.
import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** → [{ model, precision, batch, ms }] */
export function parseYardstick(text) {
  const lines = [...text.matchAll(/^(\S+) (fp32|bf16|int8) batch (\d+): ([\d.]+) ms per image\b/gm)]
  return lines.map(([, model, precision, batch, ms]) => ({ model: `vit-${model}`, precision, batch: Number(batch), ms: Number(ms) }))
}

/** What it and its children used: `times` of the shell that runs it, "user system" in its last line as 0m1.25s. */
function cpuSeconds(text) {
  const last = text.trim().split('\n').at(-1) ?? ''
  return [...last.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0)
}

/** `measure(peaks)` runs the program once and keeps the least of each line; `cells` are then [{ model, precision, batch, best }]. */
export function prepareYardstick(path) {
  const best = new Map()
  const yardstick = {
    name: basename(path),
    cpuSeconds: 0,
    get cells() {
      return [...best.values()]
    },
    async measure(gops) {
      const peaks = ['fp32', 'bf16', 'int8'].map((precision) => String(gops[precision] ?? 0))
      const { stdout, stderr } = await run('sh', ['-c', '"$@"; code=$?; times >&2; exit $code', 'sh', path, ...peaks]).catch((error) => {
        throw new Error(`--yardstick: ${path} failed (${error.code}): ${error.stderr?.split('\n')[0] || error.message}`)
      })
      yardstick.cpuSeconds += cpuSeconds(stderr)
      const rows = parseYardstick(stdout)
      if (rows.length === 0) throw new Error(`--yardstick: ${path} printed no line \`NAME fp32|bf16|int8 batch N: X ms per image\``)
      for (const { ms, ...row } of rows) {
        const key = Object.values(row).join()
        if (!(best.get(key)?.best <= ms)) best.set(key, { ...row, best: ms })
      }
    },
  }
  return yardstick
}
