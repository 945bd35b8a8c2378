// vitrine bench: what it reports, and what it refuses. No figure is judged.
import { expect, test } from 'vitest'
import { asText, type BenchReport } from '../../lib/cli/bench'
import { lines, vitrine } from './support'

test.each(['fp32', 'int8'])('stages, their time and their share of the peak, %s', async (dtype) => {
  const outcome = await vitrine(['bench', '--dtype', dtype, '--batch', '2', '--seconds', '0', '--profile', '--device', 'cpu'])
  expect(outcome.error).toBe('')
  const [report] = lines<BenchReport>(outcome)
  expect(report).toMatchObject({ dtype, device: 'cpu', batch: 2, calls: 3 })
  expect(report!.milliseconds.least).toBeGreaterThan(0)
  expect(report!.milliseconds.least).toBeLessThanOrEqual(report!.milliseconds.median)
  const stages = new Map(report!.stages!.map((stage) => [stage.name, stage]))
  for (const name of ['patches', 'qkv', 'attention', 'projection', 'fc1', 'fc2']) {
    expect(stages.get(name)!.gops, name).toBeGreaterThan(0)
    expect(stages.get(name)!.ofPeak, name).toBeGreaterThan(0)
  }
  expect(stages.has('quantize')).toBe(dtype === 'int8')
  expect(stages.get('norm')!.gops).toBeUndefined()
  expect(report!.stages!.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6)
  for (const peak of Object.values(report!.peak!)) expect(peak).toBeGreaterThan(0)
  const text = asText(report!)
  expect(text).toContain(`${dtype} on cpu`)
  expect(text).toMatch(/^fc1 .* %$/m)
})

test('without --profile no stages', async () => {
  const [report] = lines<BenchReport>(await vitrine(['bench', '--seconds', '0', '--device', 'cpu']))
  expect(report!.stages).toBeUndefined()
  expect(asText(report!)).not.toContain('stage')
})

test.each([
  ['--batch', '0'],
  ['--batch', '1.5'],
  ['--seconds', '-1'],
])('%s %s is refused', async (flag, value) => {
  const { code, error } = await vitrine(['bench', flag, value])
  expect(code).toBe(2)
  expect(error).toContain(flag)
})
