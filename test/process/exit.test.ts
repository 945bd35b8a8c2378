// How processes and workers end with the addon at work: the exit code is what it would be without it, and nothing is left behind.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { randomModel } from '../engine/random-model'
import { type Outcome, runChild } from '../support/child'
import { temporaryFolder } from '../support/fixtures'

const children = join(__dirname, 'children')
let model: string

beforeAll(() => {
  model = join(temporaryFolder(), 'model.json')
  // Some tenths of a second per image: whatever happens, happens in the middle of one.
  const { spec } = randomModel({ dim: 96, heads: 2, mlpWidth: 384, patch: [2, 2], grid: [14, 14], blocks: 60 })
  writeFileSync(model, JSON.stringify({ spec, side: 28 }))
})

const ways: { way: string; code: number; out: string | RegExp; error?: RegExp }[] = [
  { way: 'process-exit', code: 5, out: '' },
  { way: 'exit-while-loading', code: 6, out: '' },
  { way: 'uncaught', code: 1, out: '', error: /Error: planned/ },
  { way: 'not-awaited', code: 0, out: 'settled' },
  { way: 'left-open', code: 0, out: 'done' },
  { way: 'only-loaded', code: 0, out: /^\d+\.\d+\.\d+/ },
  { way: 'only-in-workers', code: 7, out: /^(done){4}$/ },
  { way: 'worker-exits', code: 15, out: '1 0' },
  { way: 'worker-throws', code: 21, out: 'planned' },
  { way: 'exit-beside-a-worker', code: 8, out: /^(settled)?$/ },
]

for (const { way, code, out, error } of ways) {
  test(way, () => {
    for (let i = 0; i < 3; i++) {
      const done: Outcome = runChild(join(children, 'exit.cjs'), [model, way])
      expect({ code: done.code, signal: done.signal }, done.error).toEqual({ code, signal: null })
      if (typeof out === 'string') expect(done.out).toBe(out)
      else expect(done.out).toMatch(out)
      if (error) expect(done.error).toMatch(error)
      else expect(done.error).toBe('')
    }
  })
}

test('workers terminated in the middle of a block', () => {
  const count = 10
  const done = runChild(join(children, 'terminate.cjs'), [model, String(count)])
  expect({ code: done.code, signal: done.signal }, done.error).toEqual({ code: 0, signal: null })
  expect(JSON.parse(done.out)).toEqual({ own: 2 * count, environments: 1, models: 1, sameWeights: true, pictures: 0, blocksRunning: 0 })
})

test('VITRINE_THREADS sets the size of the pool, nonsense in it does not', () => {
  const threads = (value: string) => {
    const script = `process.stdout.write(String(require(process.env.VITRINE_ADDON).runtime().threads))`
    return runChild('-e', [script], { env: { VITRINE_THREADS: value } }).out
  }
  const usual = threads('')
  expect(Number(usual)).toBeGreaterThan(0)
  expect(threads('5')).toBe('5')
  for (const value of ['0', '-1', '2.5', '1e3', 'all', '99999999999999999999']) expect(threads(value), value).toBe(usual)
})
