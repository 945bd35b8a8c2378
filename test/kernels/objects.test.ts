// The objects of the instruction sets: one exported symbol, nothing weak. A weak function compiled with AVX-512 (an inline of a shared
// header, a std:: template) may be the copy that the linker keeps for everyone.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addonPath, kernels } from './kernels'

/** Objects that CMake left beside the addon: vitrine_isa_<name>.dir/…/*.o */
function objects(isa: string): string[] {
  for (const folder of [dirname(addonPath), join(dirname(addonPath), '..')]) {
    const base = join(folder, 'CMakeFiles', `vitrine_isa_${isa}.dir`)
    if (existsSync(base))
      return readdirSync(base, { recursive: true })
        .map((name) => join(base, String(name)))
        .filter((name) => name.endsWith('.o'))
  }
  return []
}

const hasNm = process.platform === 'linux' && spawnSync('nm', ['--version']).status === 0
// Sanitizers add symbols of their own.
describe.runIf(hasNm && !process.env.VITRINE_SANITIZED)('symbols of', () => {
  test.each(kernels.isas().filter((isa) => isa.name !== 'reference'))('$name', ({ name }) => {
    const files = objects(name)
    expect(files.length).toBeGreaterThan(0)
    const symbols = files.flatMap((file) => spawnSync('nm', ['-C', file], { encoding: 'utf8' }).stdout.trim().split('\n'))
    const defined = symbols.map((line) => line.match(/^[0-9a-f]* +([A-Za-z]) (.*)$/)).filter((match) => match !== null)
    expect(defined.filter(([, type]) => /[WwVvu]/.test(type!)).map(([, , symbol]) => symbol)).toEqual([])
    expect(defined.filter(([, type]) => /[A-TX-Z]/.test(type!)).map(([, , symbol]) => symbol)).toEqual([`vitrine::${name}::kTable`])
  })
})
