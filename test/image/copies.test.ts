// Buffers of captured pixels: equal to what was given, used again once given back, never before, and only so many of them kept.
import { expect, test } from 'vitest'
import { copyBytes, copyFloats, giveBack } from '../../lib/image/copies'
import { type FeatureTensor, load } from '../../lib/index'
import { photoBytes, pixelValues } from '../api/support'

const floats = (length: number, first: number) => Float32Array.from({ length }, (_, i) => first + i)

test('a copy that was given back serves the next one of its size or of half of it, whatever it held', () => {
  const first = copyFloats(floats(1001, 1))
  expect(first).toEqual(floats(1001, 1))
  const second = copyFloats(floats(1001, 2))
  expect(second.buffer).not.toBe(first.buffer)
  giveBack(first)
  expect(copyFloats(floats(1002, 3)).buffer).not.toBe(first.buffer)
  expect(copyFloats(floats(500, 3)).buffer).not.toBe(first.buffer)
  const bytes = copyBytes(new Uint8Array(2002).fill(7))
  expect(bytes.buffer).toBe(first.buffer)
  expect(bytes).toEqual(new Uint8Array(2002).fill(7))
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

test.each(['pixel values', 'encoded bytes'] as const)(
  'calls on %s that overlap, and are cancelled, never read those of another',
  async (kind) => {
    const model = await load()
    const names = ['astronaut', 'chelsea', 'coffee', 'rocket', 'grass', 'gravel', 'brick', 'retina']
    const files = names.map((name) => new Uint8Array(photoBytes(`${name}.jpg`)))
    const input = (seed: number) => (kind === 'encoded bytes' ? files[seed]! : pixelValues(1, 98, seed))
    const features = (seed: number, signal?: AbortSignal) => model.features(input(seed), { imageSize: 98, ...(signal ? { signal } : {}) })
    try {
      const alone: Float32Array[] = []
      for (const seed of names.keys()) alone.push((await features(seed)).data.slice())
      for (let round = 0; round < 6; round++) {
        const abort = new AbortController()
        const calls: Promise<FeatureTensor>[] = []
        for (const seed of alone.keys()) {
          calls.push(features(seed, seed % 3 === round % 3 ? abort.signal : undefined))
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
  },
)
