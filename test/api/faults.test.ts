// Instruction sets that failed their self-test: the user is told, once, in words that name what is used instead. That dispatch leaves them
// out, test/kernels/dispatch.test.ts shows.
import { expect, test } from 'vitest'
import { asText, type Diagnosis } from '../../lib/cli/doctor'
import { faultsOf, warnOfFaults } from '../../lib/faults'
import { native } from '../../lib/native'

const fault = 'a known product of bytes was 1 instead of 2 in row 0, column 0'
const broken = {
  isa: 'avx2',
  isas: [
    { name: 'avx2', supported: true },
    { name: 'avx_vnni', supported: false, fault },
    { name: 'avx512', supported: false },
  ],
}

test('nothing to say on this machine, nor of instruction sets that it lacks', () => {
  expect(faultsOf(native().runtime())).toEqual([])
})

test('a process warning with a code, once', async () => {
  const seen: (Error & { code?: string })[] = []
  const listener = (warning: Error) => seen.push(warning)
  process.on('warning', listener)
  warnOfFaults(broken)
  warnOfFaults(broken)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listener)
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatchObject({ name: 'VitrineWarning', code: 'VITRINE_SELF_TEST' })
  for (const part of ['avx_vnni', 'avx2', fault]) expect(seen[0]!.message).toContain(part)
})

test('vitrine doctor shows it', () => {
  const engine: Diagnosis['engine'] = { version: '1', isa: 'avx2', threads: 2, faults: faultsOf(broken) }
  const gpu = { devices: [], present: false, why: 'none', driver: {} } as unknown as Diagnosis['gpu']
  const text = asText({ engine, searched: [], gpu, cuda: undefined, auto: { device: 'cpu', why: 'none' }, advice: '' })
  expect(text).toContain(fault)
})
