// arm64: both addons compile with Debian's cross compiler, and the portable kernels keep the rule of one exported symbol there.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './support'

const compiler = 'aarch64-linux-gnu-g++'
const present = spawnSync(compiler, ['--version']).status === 0
if (!present) console.log(`skipped: no ${compiler} (Debian: g++-aarch64-linux-gnu)`)

test.runIf(present)('the addons compile for arm64', () => {
  const build = join(root, 'build-aarch64')
  const toolchain = `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'aarch64.cmake')}`
  execFileSync('cmake', ['-S', root, '-B', build, '-DCMAKE_BUILD_TYPE=Release', toolchain], { stdio: 'inherit' })
  execFileSync('cmake', ['--build', build, '-j2'], { stdio: 'inherit' })
  for (const name of ['vitrine.node', 'vitrine_test_kernels.node']) {
    const machine = readFileSync(join(build, name)).readUInt16LE(18)
    expect(machine, name).toBe(0xb7) // EM_AARCH64
  }
  const object = join(build, 'CMakeFiles', 'vitrine_isa_portable.dir', 'native', 'kernels', 'portable', 'table.cc.o')
  const symbols = execFileSync('aarch64-linux-gnu-nm', ['-C', object], { encoding: 'utf8' }).trim().split('\n')
  expect(symbols.filter((line) => /^[0-9a-f]+ [A-Zuvw] /.test(line)).map((line) => line.slice(19))).toEqual(['vitrine::portable::kTable'])
})
