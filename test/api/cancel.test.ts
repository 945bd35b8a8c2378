// Abort and timeouts of calls on images: before, while queued, while decoding, while running, after; and that nothing is left behind.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load, type Model } from '../../lib/index'
import { native } from '../../lib/native'
import { expectCode, photo, photos, pixelValues, sameBits, tick, until } from './support'

let model: Model
beforeAll(async () => {
  model = await load()
})
afterAll(() => model.close())

const reason = new Error('enough')
const many = Array.from({ length: 40 }, () => photo('hubble_deep_field.jpg'))
const idle = () => until(() => native().counters().pictures === 0 && native().counters().blocksRunning === 0)

test('before the call: rejects with the reason, begins nothing', async () => {
  await idle()
  const { blocksBegun } = native().counters()
  const signal = AbortSignal.abort(reason)
  await expect(model.features(photos, { signal })).rejects.toBe(reason)
  await expect(model.classify(photos, { signal })).rejects.toThrow()
  await expect(model.attention(photos, { signal })).rejects.toBe(reason)
  await expect(model.preprocess(photos, { signal })).rejects.toBe(reason)
  await tick(20)
  expect(native().counters().blocksBegun).toBe(blocksBegun)
})

test('right after the call, while images are decoded', async () => {
  const controller = new AbortController()
  const call = model.features(many, { signal: controller.signal })
  controller.abort(reason)
  await expect(call).rejects.toBe(reason)
  await idle()
})

test('while blocks run: the rest is not computed', async () => {
  await idle()
  const before = native().counters().blocksBegun
  const controller = new AbortController()
  const call = model.features(pixelValues(40, 224), { signal: controller.signal })
  await until(() => native().counters().blocksRunning > 0)
  controller.abort(reason)
  await expect(call).rejects.toBe(reason)
  await idle()
  expect(native().counters().blocksBegun - before).toBeLessThan(40 * 12)
})

test('after the call: nothing happens', async () => {
  const controller = new AbortController()
  const features = await model.features(photo('chelsea.jpg'), { signal: controller.signal })
  const copy = features.data.slice()
  controller.abort(reason)
  await tick(5)
  expect(sameBits(features.data, copy)).toBe(true)
})

test('timeoutMs', async () => {
  await expectCode(model.features(many, { timeoutMs: 1 }), 'ERR_TIMEOUT', 'features()', 'timeoutMs: 1')
  await expectCode(model.attention(many, { timeoutMs: 1 }), 'ERR_TIMEOUT', 'attention()')
  await expectCode(model.preprocess(many, { timeoutMs: 1 }), 'ERR_TIMEOUT', 'preprocess()')
  expect((await model.features(photo('chelsea.jpg'), { timeoutMs: 60_000 })).dims).toEqual([1, 384])
  await idle()
})

test('AbortSignal.timeout rejects with its own reason', async () => {
  await expect(model.features(many, { signal: AbortSignal.timeout(1) })).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('collect does not collect an abort', async () => {
  const controller = new AbortController()
  const call = model.features(many, { signal: controller.signal, errors: 'collect' })
  setTimeout(() => controller.abort(reason), 2)
  await expect(call).rejects.toBe(reason)
})

test('a cancelled call leaves the others alone', async () => {
  const expected = await model.features(photos)
  const controller = new AbortController()
  const cancelled = model.features(many, { signal: controller.signal })
  const kept = model.features(photos)
  setTimeout(() => controller.abort(reason), 5)
  await expect(cancelled).rejects.toBe(reason)
  expect(sameBits((await kept).data, expected.data)).toBe(true)
})

test('a signal that lives on is let go', async () => {
  const controller = new AbortController()
  const listeners = new Set<unknown>()
  const { signal } = controller
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = ((name: string, listener: () => void, options: object) => {
    listeners.add(listener)
    addEventListener.call(signal, name, listener, options)
  }) as typeof addEventListener
  signal.removeEventListener = ((name: string, listener: () => void) => {
    listeners.delete(listener)
    removeEventListener.call(signal, name, listener)
  }) as typeof removeEventListener
  await model.features(photo('chelsea.jpg'), { signal })
  await model.features('nowhere.jpg', { signal }).catch(() => {})
  for await (const _ of model.stream(photos.slice(0, 2), { signal })) break
  await tick()
  expect(listeners.size).toBe(0)
})
