// native/kernels/dispatch.h and platform/cpu_features.h: the forced ISA really runs, a wrong name is an error with the valid ones, and
// instructions count only where the operating system saves their registers.
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { addonPath, kernels } from './kernels'

const forced = (isa: string | undefined): Record<string, unknown> => {
  const script = `console.log(JSON.stringify(require(${JSON.stringify(addonPath)}).active()))`
  const env = { ...process.env, VITRINE_ISA: isa }
  const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env })
  return JSON.parse(child.stdout) as Record<string, unknown>
}
const all = kernels.isas()
const supported = all.filter((isa) => isa.supported)

describe('VITRINE_ISA', () => {
  test.each(supported)('$name is the one that runs: its own tile', ({ name, rows, columns }) => {
    expect(forced(name)).toEqual({ name, rows, columns })
  })

  test('unset or empty: the strongest', () => {
    const strongest = supported.at(-1)!.name
    expect(forced(undefined).name).toBe(strongest)
    expect(forced('').name).toBe(strongest)
  })

  test('an unknown name is an error that lists the valid ones', () => {
    const { code, message } = forced('avx1024')
    expect(code).toBe('ERR_ISA_UNSUPPORTED')
    expect(message).toContain('VITRINE_ISA=avx1024')
    for (const { name } of supported) expect(message).toContain(name)
  })

  test.runIf(supported.length < all.length)('an ISA that this machine lacks is an error', () => {
    const missing = all.find((isa) => !isa.supported)!
    expect(forced(missing.name)).toMatchObject({ code: 'ERR_ISA_UNSUPPORTED', message: expect.stringContaining('lacks') })
  })
})

test('reference is the weakest and portable runs everywhere', () => {
  expect(all.slice(0, 2).map((isa) => isa.name)).toEqual(['reference', 'portable'])
  expect(all[1]!.supported).toBe(true)
})

describe('cpu features', () => {
  const ones = 0xffffffff
  const words = { leaf1Ecx: ones, leaf1Edx: ones, leaf7Ebx: ones, leaf7Ecx: ones, leaf71Eax: ones, savedStates: 0xe7 }

  test('everything there and saved', () => expect(kernels.supportedBy(words)).toContain('avx512'))

  test('AVX-512 shown by CPUID, its registers not saved: not there', () => {
    expect(kernels.supportedBy({ ...words, savedStates: 0x07 })).toEqual(['portable', 'sse2', 'avx2'])
    expect(kernels.supportedBy({ ...words, savedStates: 0x67 })).toEqual(['portable', 'sse2', 'avx2'])
  })

  test('nothing saved: SSE2', () => expect(kernels.supportedBy({ ...words, savedStates: 0 })).toEqual(['portable', 'sse2']))

  test('AVX2 without FMA, AVX-512F without BW: one less', () => {
    expect(kernels.supportedBy({ ...words, leaf1Ecx: ones & ~(1 << 12) })).toEqual(['portable', 'sse2'])
    expect(kernels.supportedBy({ ...words, leaf7Ebx: ones & ~(1 << 30) })).toEqual(['portable', 'sse2', 'avx2'])
  })
})
