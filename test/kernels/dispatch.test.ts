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

const standIns = kernels.standIns()
const named = (name: string) => standIns.find((isa) => isa.name === name)!
describe.runIf(named('avx2')?.supported)('the self-test of byte products', () => {
  test('every instruction set of this machine passes', () => expect(all.map((isa) => isa.fault).join('')).toBe(''))

  test('an exact dot is used', () => expect(named('avx_vnni_stand_in')).toMatchObject({ supported: true, fault: '' }))

  test('one that saturates is not, and says what was wrong', () => {
    const { supported, fault } = named('avx_vnni_saturating')
    expect(supported).toBe(false)
    expect(fault).toMatch(/^a known product of bytes was -?\d+.* instead of -?\d+.* in row \d+, column \d+$/)
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
    expect(kernels.supportedBy({ ...words, savedStates: 0x07 })).toEqual(['portable', 'sse2', 'avx2', 'avx_vnni'])
    expect(kernels.supportedBy({ ...words, savedStates: 0x67 })).toEqual(['portable', 'sse2', 'avx2', 'avx_vnni'])
  })

  test('nothing saved: SSE2', () => expect(kernels.supportedBy({ ...words, savedStates: 0 })).toEqual(['portable', 'sse2']))

  test('AVX2 without FMA, AVX-512F without BW: one less', () => {
    expect(kernels.supportedBy({ ...words, leaf1Ecx: ones & ~(1 << 12) })).toEqual(['portable', 'sse2'])
    expect(kernels.supportedBy({ ...words, leaf7Ebx: ones & ~(1 << 30) })).toEqual(['portable', 'sse2', 'avx2', 'avx_vnni'])
  })

  test('AVX-VNNI is a bit of its own: with AVX2 alone, and absent beside AVX512_VNNI', () => {
    const alder = { ...words, leaf7Ebx: ones & ~(1 << 16), leaf71Eax: 1 << 4, savedStates: 0x07 }
    expect(kernels.supportedBy(alder)).toEqual(['portable', 'sse2', 'avx2', 'avx_vnni'])
    const zen4 = kernels.supportedBy({ ...words, leaf71Eax: 1 << 5 })
    expect(zen4).not.toContain('avx_vnni')
    expect(zen4).toContain('avx512_bf16')
  })
})
