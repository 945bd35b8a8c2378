// Compiles peak.cc with the system's compiler and runs it. Before it: ../run.mjs.
import { execFile, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const source = fileURLToPath(new URL('peak.cc', import.meta.url))

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/**
 * → { gops, by, cpuSeconds, measure() } where a compiler is found, else { missing: why }. `gops` is the best of all measurements so far by
 * precision (fp32, fp32-avx2, bf16, int8), without those that this CPU has no instruction for; `by` names the instruction.
 */
export function preparePeak(cache, threads) {
  const binary = join(cache, process.platform === 'win32' ? 'peak.exe' : 'peak')
  if (modified(binary) < modified(source)) {
    const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)
    const found = compilers.find((compiler) => spawnSync(compiler, ['--version']).status === 0)
    if (!found) return { missing: `no compiler (tried ${compilers.join(', ')})` }
    const flags = ['-O2', '-std=c++17', '-ffp-contract=fast', '-pthread', source, '-o', binary]
    // Some compilers for arm64 know -mcpu=native alone; on x86-64 the source asks the CPU itself.
    const choices = process.arch === 'x64' ? [[]] : [['-mcpu=native'], ['-march=native'], []]
    const made = choices.map((native) => () => spawnSync(found, [...native, ...flags], { encoding: 'utf8' }))
    let error
    const compiled = made.some((compile) => {
      const { status, stderr } = compile()
      error ??= stderr
      return status === 0
    })
    if (!compiled) return { missing: `${found} could not compile it: ${error.split('\n')[0]}` }
  }
  const run = promisify(execFile)
  const peak = {
    gops: {},
    by: {},
    cpuSeconds: 0,
    async measure() {
      const { gops, by, cpuSeconds } = JSON.parse((await run(binary, [String(threads)])).stdout)
      for (const [precision, rate] of Object.entries(gops)) {
        if (rate <= (peak.gops[precision] ?? 0)) continue
        peak.gops[precision] = rate
        peak.by[precision] = by[precision]
      }
      peak.cpuSeconds += cpuSeconds
    },
  }
  return peak
}
