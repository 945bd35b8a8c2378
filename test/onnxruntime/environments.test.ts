// One session for all environments of a process: it lives as long as any of them holds it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runChild } from '../support/child'
import { temporaryFolder } from '../support/fixtures'
import { library, sums } from './support'

test('main thread and two workers share a session; one is terminated, one ends', () => {
  const file = join(temporaryFolder(), 'sums.onnx')
  writeFileSync(file, sums())
  const done = runChild(join(__dirname, 'children', 'environments.cjs'), [JSON.stringify({ library, file })])
  expect({ code: done.code, signal: done.signal, error: done.error }).toEqual({ code: 0, signal: null, error: '' })
  expect(JSON.parse(done.out)).toEqual({ sums: [4, 8, 8, 16, 20], most: 1, models: 3, left: 1 })
})
