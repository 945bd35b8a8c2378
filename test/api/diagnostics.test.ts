// The tracing channels vitrine:load and vitrine:features: counts, milliseconds, errors.
import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, expect, test } from 'vitest'
import { type FeaturesTrace, type LoadTrace, load } from '../../lib/index'
import { photos, pixelValues } from './support'

interface Events<T> {
  start: T[]
  ended: (T & { error?: unknown })[]
  errors: unknown[]
}
const undo: (() => void)[] = []
afterEach(() => {
  for (const stop of undo.splice(0)) stop()
})

function watch<T extends object>(name: string): Events<T> {
  const events: Events<T> = { start: [], ended: [], errors: [] }
  const channel = tracingChannel<unknown, T>(name)
  const subscriber = {
    start: (context: T) => void events.start.push({ ...context }),
    end() {},
    asyncStart() {},
    asyncEnd: (context: T) => void events.ended.push({ ...context }),
    error: (context: T & { error: unknown }) => void events.errors.push(context.error),
  }
  channel.subscribe(subscriber)
  undo.push(() => channel.unsubscribe(subscriber))
  return events
}

test('load', async () => {
  const events = watch<LoadTrace>('vitrine:load')
  const model = await load()
  expect(events.start).toHaveLength(1)
  expect(events.ended[0]).toMatchObject({ family: 'dinov2', file: model.info.file, weightBytes: model.info.weightBytes })
  for (const field of ['openMs', 'weightsMs'] as const) expect(events.ended[0]![field]).toBeGreaterThan(0)
  await load('nowhere').catch(() => {})
  expect(events.errors).toHaveLength(1)
  await model.close()
})

test('calls', async () => {
  const model = await load()
  const events = watch<FeaturesTrace>('vitrine:features')
  await model.features(photos)
  expect(events.start[0]).toMatchObject({ call: 'features', images: 9, failed: 0, decodeMs: 0, forwardMs: 0 })
  expect(events.ended[0]).toMatchObject({ call: 'features', model: model.info.file, images: 9, failed: 0 })
  for (const field of ['decodeMs', 'forwardMs'] as const) expect(events.ended[0]![field]).toBeGreaterThan(0)
  expect(events.ended[0]!.queueMs).toBeGreaterThanOrEqual(0)

  await model.features(pixelValues(1, 28))
  expect(events.ended[1]).toMatchObject({ images: 1, decodeMs: 0 })
  await model.features(['nowhere.jpg', photos[0]!], { errors: 'collect' })
  expect(events.ended[2]).toMatchObject({ images: 2, failed: 1 })
  await model.features('nowhere.jpg').catch(() => {})
  expect(events.ended[3]).toMatchObject({ images: 1, failed: 1 })
  expect(events.errors).toHaveLength(1)

  await model.preprocess(photos.slice(0, 2))
  await model.attention(photos.slice(0, 2))
  for await (const { error } of model.stream(photos.slice(0, 2))) expect(error).toBeUndefined()
  expect(events.ended.slice(4).map(({ call, images }) => [call, images])).toEqual([
    ['preprocess', 2],
    ['attention', 2],
    ['stream', 1],
    ['stream', 1],
  ])
  await model.close()
})
