// The packed cache between processes: they share entries, several at once, and no end of one of them leaves another anything but whole ones.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { native } from '../../lib/native'
import { randomModel } from '../engine/random-model'
import { addon, runChild } from '../support/child'
import { temporaryFolder } from '../support/fixtures'

const child = join(__dirname, 'children', 'packed-cache.cjs')
let model: string
let folder: string
let bits: string

interface Said {
  state: string
  bits: string
  isa: string
  cacheWritten?: number
  cacheFailed?: number
}

beforeAll(() => {
  model = join(temporaryFolder(), 'model.json')
  // About 30 MB: enough that a process can end in the middle of writing it.
  const { spec, path } = randomModel({ dim: 384, heads: 6, mlpWidth: 1536, blocks: 4, patch: [4, 4], grid: [3, 3] })
  utimesSync(path, Date.now() / 1000 - 60, Date.now() / 1000 - 60)
  writeFileSync(model, JSON.stringify({ spec, side: 12 }))
  bits = load('off').bits
})
beforeEach(() => {
  folder = temporaryFolder()
})

function load(way: 'off' | 'wait' | 'exit' | 'end', env: NodeJS.ProcessEnv = {}): Said {
  const done = runChild(child, [model, folder ?? '', way], { env })
  expect({ code: done.code, signal: done.signal }, done.error).toEqual({ code: 0, signal: null })
  return JSON.parse(done.out) as Said
}
const files = () => readdirSync(folder)
const whole = () => files().filter((name) => name.endsWith('.packed'))

test('what one process wrote another reads', () => {
  expect(load('wait')).toMatchObject({ state: 'miss', bits, cacheWritten: 1, cacheFailed: 0 })
  expect(files()).toEqual(whole())
  expect(load('wait')).toMatchObject({ state: 'hit', bits, cacheWritten: 0 })
})

test('several at once', async () => {
  const run = () =>
    new Promise<Said>((resolve, reject) => {
      const running = spawn(process.execPath, [child, model, folder, 'wait'], { env: { ...process.env, VITRINE_ADDON: addon } })
      let out = ''
      running.stdout.on('data', (text) => (out += text))
      running.on('error', reject).on('close', (code) => (code === 0 ? resolve(JSON.parse(out) as Said) : reject(new Error(`exit ${code}`))))
    })
  for (let round = 0; round < 2; round++) {
    const said = await Promise.all([run(), run(), run(), run()])
    expect(new Set(said.map((one) => one.bits))).toEqual(new Set([bits]))
    for (const { state } of said) expect(['miss', 'hit']).toContain(state)
  }
  expect(files()).toEqual(whole())
  expect(files()).toHaveLength(1)
  expect(load('wait').state).toBe('hit')
})

test('killed, or ended, in the middle of writing', () => {
  for (let round = 0; round < 4; round++) {
    const killed = spawnSync(process.execPath, [child, model, folder, 'kill'], { env: { ...process.env, VITRINE_ADDON: addon } })
    expect(killed.signal).toBe('SIGKILL')
    expect(load('exit')).toMatchObject({ bits })
    expect(load('end')).toMatchObject({ bits })
  }
  expect(load('wait')).toMatchObject({ bits })
  expect(load('wait')).toMatchObject({ state: 'hit', bits })
  expect(files()).toEqual(whole())
})

test('each instruction set has an entry of its own', () => {
  const isas = native()
    .runtime()
    .isas.filter((isa) => isa.supported && isa.name !== 'reference')
    .map((isa) => isa.name)
  for (const state of ['miss', 'hit']) for (const isa of isas) expect(load('wait', { VITRINE_ISA: isa })).toMatchObject({ state, isa })
  expect(whole()).toHaveLength(isas.length)
})

const shell = ['/bin/bash', '/bin/sh'].find((path) => existsSync(path))
test.runIf(shell)('no room: the limit on file sizes is met in the middle', () => {
  const script = `ulimit -f 2000; exec "$0" "$@"`
  const args = ['-c', script, process.execPath, child, model, folder, 'wait']
  const done = spawnSync(shell!, args, { env: { ...process.env, VITRINE_ADDON: addon }, encoding: 'utf8' })
  expect({ code: done.status, signal: done.signal }, done.stderr).toEqual({ code: 0, signal: null })
  expect(JSON.parse(done.stdout)).toMatchObject({ state: 'miss', bits, cacheWritten: 0, cacheFailed: 1 })
  expect(files()).toEqual([])
})

// A disk of our own, where a user may mount one inside a namespace.
const small = (run: string[]) =>
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=40m none "$0" && exec "$@"', folder, ...run], {
    env: { ...process.env, VITRINE_ADDON: addon },
    encoding: 'utf8',
  })
const mounts = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0
test.runIf(mounts)('no room: less than twice the entry is free', () => {
  const done = small([process.execPath, child, model, folder, 'wait'])
  expect({ code: done.status, signal: done.signal }, done.stderr).toEqual({ code: 0, signal: null })
  expect(JSON.parse(done.stdout)).toMatchObject({ state: 'unwritable', bits, cacheWritten: 0, cacheFailed: 0 })
})
