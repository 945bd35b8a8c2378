// Buffers of captured pixels: equal to what was given, used again once given back, never before, and only so many of them kept.
import { expect, test } from 'vitest'
import { copyBytes, copyFloats, giveBack } from '../../lib/image/copies'
import { type FeatureTensor, load } from '../../lib/index'
import { pixelValues } from '../api/support'

const floats = (length: number, first: number) => Float32Array.from({ length }, (_, i) => first + i)

test('a copy that was given back serves the next one of its size, whatever it held', () => {
  const first = copyFloats(floats(1001, 1))
  expect(first).toEqual(floats(1001, 1))
  const second = copyFloats(floats(1001, 2))
  expect(second.buffer).not.toBe(first.buffer)
  giveBack(first)
  expect(copyFloats(floats(1000, 3)).buffer).not.toBe(first.buffer)
  const bytes = copyBytes(new Uint8Array(4004).fill(7))
  expect(bytes.buffer).toBe(first.buffer)
  expect(bytes).toEqual(new Uint8Array(4004).fill(7))
  expect(copyFloats(floats(1001, 4)).buffer).not.toBe(first.buffer)
  expect(second).toEqual(floats(1001, 2))
})

test('of more than 16 MB the oldest go, and what is larger by itself is not kept', () => {
  const given = Array.from({ length: 5 }, () => copyBytes(new Uint8Array(4 << 20)))
  for (const copy of given) giveBack(copy)
  const taken = Array.from({ length: 5 }, () => copyBytes(new Uint8Array(4 << 20)).buffer)
  expect(taken.slice(0, 4)).toEqual(expect.arrayContaining(given.slice(1).map(({ buffer }) => buffer)))
  expect(new Set(taken).has(given[0]!.buffer)).toBe(false)
  const large = copyBytes(new Uint8Array((16 << 20) + 1))
  giveBack(large)
  expect(copyBytes(new Uint8Array((16 << 20) + 1)).buffer).not.toBe(large.buffer)
})

test('calls that overlap, and are cancelled, never read the pixels of another', async () => {
  const model = await load()
  try {
    const image = (seed: number) => pixelValues(1, 98, seed)
    const alone: Float32Array[] = []
    for (let seed = 0; seed < 8; seed++) alone.push((await model.features(image(seed))).data.slice())
    for (let round = 0; round < 10; round++) {
      const abort = new AbortController()
      const calls: Promise<FeatureTensor>[] = []
      for (const seed of alone.keys()) {
        calls.push(model.features(image(seed), seed % 3 === round % 3 ? { signal: abort.signal } : {}))
        await new Promise((resolve) => setImmediate(resolve))
      }
      const settled = Promise.allSettled(calls)
      if (round % 2 === 0) await calls[1]!.catch(() => {})
      abort.abort()
      for (const [seed, result] of (await settled).entries())
        if (result.status === 'fulfilled') expect(result.value.data).toEqual(alone[seed])
    }
  } finally {
    await model.close()
  }
})
