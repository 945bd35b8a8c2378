// packedCache of load(): where the folder lies, how to turn it off, and what info and the trace say.

import { tracingChannel } from 'node:diagnostics_channel'
import { existsSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type LoadTrace, load } from '../../lib/index'
import { native } from '../../lib/native'
import { packedCacheFolder } from '../../lib/packed-cache'
import { until } from '../engine/support'
import { temporaryFolder } from '../support/fixtures'
import { writeTiny } from './tiny'

describe('the folder', () => {
  const at = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform = 'linux', home = '/home/a', wanted = true) =>
    packedCacheFolder(wanted, { env, platform, home })?.folder

  test('is in the folder for caches of the operating system', () => {
    expect(at({})).toBe('/home/a/.cache/vitrine/packed')
    expect(at({ XDG_CACHE_HOME: '/caches' })).toBe('/caches/vitrine/packed')
    expect(at({ XDG_CACHE_HOME: 'relative' })).toBe('/home/a/.cache/vitrine/packed')
    expect(at({ XDG_CACHE_HOME: '/caches' }, 'darwin')).toBe('/home/a/Library/Caches/vitrine/packed')
  })

  test('is the one that VITRINE_PACKED_CACHE names', () => {
    expect(at({ VITRINE_PACKED_CACHE: '/data/packed' })).toBe('/data/packed')
    expect(at({ VITRINE_PACKED_CACHE: 'packed' })).toBe(join(process.cwd(), 'packed'))
    expect(at({ VITRINE_PACKED_CACHE: '' })).toBe('/home/a/.cache/vitrine/packed')
  })

  test('is none where it is off, or where there is no home', () => {
    expect(at({ VITRINE_PACKED_CACHE: 'off' })).toBeUndefined()
    expect(at({ VITRINE_PACKED_CACHE: '/data/packed' }, 'linux', '/home/a', false)).toBeUndefined()
    expect(at({}, 'linux', '')).toBeUndefined()
  })
})

describe('load', () => {
  const before = process.env.VITRINE_PACKED_CACHE
  afterEach(() => {
    process.env.VITRINE_PACKED_CACHE = before
  })

  test('says what became of the cache, in info and in the trace', async () => {
    const source = writeTiny(join(temporaryFolder(), 'model'))
    const folder = join(temporaryFolder(), 'packed')
    process.env.VITRINE_PACKED_CACHE = folder
    const traces: LoadTrace[] = []
    const subscriber = { asyncEnd: (trace: LoadTrace) => void traces.push({ ...trace }) }
    const channel = tracingChannel<unknown, LoadTrace>('vitrine:load')
    channel.subscribe(subscriber as Parameters<typeof channel.subscribe>[0])
    const open = async (packedCache?: boolean) => {
      const model = await load(source, { device: 'cpu', packedCache })
      await model.close()
      await until(() => native().counters().cacheWriting === 0)
      const { packedCache: state, packedCacheNote: note } = traces.at(-1)!
      expect({ state: model.info.packedCache, note: model.info.packedCacheNote }).toEqual({ state, note })
      return { state, ...(note !== undefined && { note }) }
    }
    try {
      expect(await open()).toEqual({ state: 'unwritable', note: expect.stringContaining('two seconds') })
      utimesSync(join(source, 'model.safetensors'), Date.now() / 1000 - 60, Date.now() / 1000 - 60)
      expect(await open(false)).toEqual({ state: 'off' })
      expect(existsSync(folder)).toBe(false)
      expect(await open()).toEqual({ state: 'miss' })
      expect(await open()).toEqual({ state: 'hit' })
      expect(await open(false)).toEqual({ state: 'off' })
      process.env.VITRINE_PACKED_CACHE = 'off'
      expect(await open()).toEqual({ state: 'off' })
      expect(readdirSync(folder)).toHaveLength(1)
    } finally {
      channel.unsubscribe(subscriber as Parameters<typeof channel.unsubscribe>[0])
    }
  })
})
