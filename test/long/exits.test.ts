// Every way for a process to end with the addon at work, 100 times each: the exit code is what it would be without the addon.
import { expect, test } from 'vitest'
import { runChild } from './support'

const TIMES = Number(process.env.VITRINE_TIMES ?? 100)
const ways: { way: string; code: number; out: string; error?: RegExp }[] = [
  { way: 'workers-only', code: 7, out: '' },
  { way: 'process-exit', code: 5, out: '' },
  { way: 'uncaught', code: 1, out: '', error: /planned/ },
  { way: 'not-awaited', code: 0, out: 'settled 4x384' },
  { way: 'left-open', code: 0, out: 'done 1x384' },
]

for (const { way, code, out, error } of ways) {
  test(`${way}, ${TIMES} times`, () => {
    for (let i = 0; i < TIMES; i++) {
      const done = runChild('exit.mjs', [way])
      expect({ i, signal: done.signal, code: done.code, out: done.out }, done.error).toEqual({ i, signal: null, code, out })
      if (error) expect(done.error).toMatch(error)
      else expect(done.error).toBe('')
    }
  })
}
