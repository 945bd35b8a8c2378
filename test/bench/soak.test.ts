// bench/soak.mjs in short: it ends well, what the addon holds stays, and a run that keeps memory of every image fails.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { addon } from '../support/child'
import { temporaryFolder } from '../support/fixtures'
import { bench } from './support'

interface Soak {
  images: number
  held: { same: boolean; at: number; early: Record<string, number>; late: Record<string, number> }
  resident: { stays: boolean }
}
const soak = (...args: string[]) => {
  const done = spawnSync(process.execPath, [bench('soak.mjs'), '--json', '--cache', temporaryFolder(), ...args], {
    encoding: 'utf8',
    env: { ...process.env, VITRINE_ADDON: addon },
  })
  return { code: done.status, error: done.stderr, found: JSON.parse(done.stdout || 'null') as Soak | null }
}

// A sanitizer keeps freed memory.
const sanitized = process.env.VITRINE_SANITIZED !== undefined

test.skipIf(sanitized)('200 images', () => {
  const { code, error, found } = soak('--images', '200')
  expect(code, error).toBe(0)
  expect(found!.images).toBeGreaterThanOrEqual(200)
  expect(found!.held.late).toEqual(found!.held.early)
  expect(found!.held.late).toMatchObject({ pictures: 0, models: 1 })
  for (const field of ['pagesBytes', 'recycledBytes', 'weightBytes']) expect(found!.held.late[field]).toBeGreaterThan(0)
})

test.skipIf(sanitized)('a megabyte kept of every image is found out', () => {
  const { code, found } = soak('--images', '200', '--hold')
  expect(code).toBe(1)
  expect(found!.resident.stays).toBe(false)
})

test('nonsense is refused', () => expect(soak('--images', 'many')).toMatchObject({ code: 2, error: expect.stringContaining('many') }))
