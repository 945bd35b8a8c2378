// The event loop while ViT-B/16 works: p99 ≤ idle + 2 ms, longest ≤ idle + 30 ms, best of three runs.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { photos, runChild, temporaryFolder, writeViTB16 } from './support'

type Delay = { p99: number; max: number }
type Run = Record<'idle' | 'jpeg' | 'float' | 'tokens', Delay>

test('event-loop delay under load', () => {
  const folder = temporaryFolder()
  const weights = writeViTB16(folder.path)
  const runs: Run[] = []
  for (let i = 0; i < 3; i++) {
    const done = runChild('event-loop.mjs', [weights, join(photos, 'coffee.jpg')])
    expect(done.error).toBe('')
    runs.push(JSON.parse(done.out) as Run)
  }
  console.log('event loop', JSON.stringify(runs))
  for (const load of ['jpeg', 'float', 'tokens'] as const) {
    expect(Math.min(...runs.map((run) => run[load].p99 - run.idle.p99)), load).toBeLessThanOrEqual(2)
    expect(Math.min(...runs.map((run) => run[load].max - run.idle.max)), load).toBeLessThanOrEqual(30)
  }
  folder.remove()
})
