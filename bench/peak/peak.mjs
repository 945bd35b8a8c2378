// Compiles peak.cc with the system's compiler and runs it. Before it: ../run.mjs.
import { execFile, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const source = fileURLToPath(new URL('peak.cc', import.meta.url))

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** → { gflops(), cpuSeconds } where a compiler is found, else { missing: why }. `gflops` is the best of all measurements so far. */
export function preparePeak(cache, threads) {
  const binary = join(cache, process.platform === 'win32' ? 'peak.exe' : 'peak')
  if (modified(binary) < modified(source)) {
    const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean)
    const found = compilers.find((compiler) => spawnSync(compiler, ['--version']).status === 0)
    if (!found) return { missing: `no compiler (tried ${compilers.join(', ')})` }
    const flags = ['-O2', '-std=c++17', '-ffp-contract=fast', '-pthread', source, '-o', binary]
    // Some compilers for arm64 know -mcpu=native alone.
    const made = ['-march=native', '-mcpu=native'].map((native) => () => spawnSync(found, [native, ...flags], { encoding: 'utf8' }))
    const first = made[0]()
    if (first.status !== 0 && made[1]().status !== 0) return { missing: `${found} could not compile it: ${first.stderr.split('\n')[0]}` }
  }
  const run = promisify(execFile)
  const peak = {
    gflops: 0,
    cpuSeconds: 0,
    async measure() {
      const { gflops, cpuSeconds } = JSON.parse((await run(binary, [String(threads)])).stdout)
      peak.gflops = Math.max(peak.gflops, gflops)
      peak.cpuSeconds += cpuSeconds
    },
  }
  return peak
}
