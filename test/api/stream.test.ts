// model.stream: the same features, in order, in bounded memory; errors in their place; early ends.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load, type Model, type StreamItem, type StreamSource } from '../../lib/index'
import { native } from '../../lib/native'
import { expectCode, photo, photos, pixelValues, sameBits, tick, until } from './support'

let model: Model
beforeAll(async () => {
  model = await load({ threads: 2 })
})
afterAll(() => model.close())

const idle = () => until(() => native().counters().pictures === 0)

test('the features of the call, in order, with index and source', async () => {
  const expected = await model.features(photos)
  let count = 0
  for await (const { index, source, features, error } of model.stream(photos)) {
    expect(error).toBeUndefined()
    expect({ index, source }).toEqual({ index: count, source: photos[count] })
    expect(features!.dims).toEqual([1, 384])
    expect(sameBits(features!.data, expected.row(count))).toBe(true)
    count++
  }
  expect(count).toBe(9)
})

test('pools, layers and sizes as in features', async () => {
  for await (const { features } of model.stream(photos.slice(0, 2), { pool: ['cls', 'tokens'], layers: [6, -1], imageSize: 140 })) {
    expect(features!.map((layer) => layer.map(({ dims }) => dims))).toEqual([
      [
        [1, 384],
        [1, 101, 384],
      ],
      [
        [1, 384],
        [1, 101, 384],
      ],
    ])
  }
})

test('bad images are errors in their place', async () => {
  const sources: StreamSource[] = [
    photos[0]!,
    'nowhere.jpg',
    Buffer.from('text'),
    5 as unknown as string,
    pixelValues(1, 28),
    pixelValues(2, 28),
    null as unknown as string,
    photos[1]!,
  ]
  const items: StreamItem<object>[] = []
  for await (const item of model.stream(sources)) items.push(item)
  expect(items.map(({ index, error }) => [index, error?.code ?? null])).toEqual([
    [0, null],
    [1, 'ERR_IMAGE_NOT_FOUND'],
    [2, 'ERR_IMAGE_UNSUPPORTED'],
    [3, 'ERR_IMAGE_UNSUPPORTED'],
    [4, null],
    [5, 'ERR_IMAGE_DIMS'],
    [6, 'ERR_IMAGE_UNSUPPORTED'],
    [7, null],
  ])
  expect(items[1]!.error!.message).toContain('image 1 (nowhere.jpg)')
})

test('at most inFlight pictures are decoded or waiting, however slow the consumer', async () => {
  for (const inFlight of [1, 3]) {
    await idle()
    native().counters({ reset: true })
    let pulled = 0
    let handed = 0
    async function* sources() {
      for (let i = 0; i < 12; i++) {
        pulled++
        yield photos[i % 9]!
      }
    }
    for await (const { features } of model.stream(sources(), { inFlight })) {
      expect(features).toBeDefined()
      handed++
      if (handed % 6 === 1) await tick(30)
      expect(pulled - handed).toBeLessThanOrEqual(inFlight)
    }
    expect(handed).toBe(12)
    expect(native().counters().picturesPeak).toBeGreaterThan(0)
    expect(native().counters().picturesPeak).toBeLessThanOrEqual(inFlight)
  }
})

test('by default 4 × threads, for all calls of a model together', async () => {
  await idle()
  native().counters({ reset: true })
  const batch = Array.from({ length: 12 }, () => photo('coffee.jpg'))
  const consume = async () => {
    for await (const { error } of model.stream(batch)) expect(error).toBeUndefined()
  }
  await Promise.all([consume(), model.features(batch), model.preprocess(batch)])
  expect(native().counters().picturesPeak).toBeLessThanOrEqual(8)
})

test('returning early cancels the rest and closes the source', async () => {
  let closed = false
  let pulled = 0
  async function* sources() {
    try {
      for (;;) {
        pulled++
        yield photo('hubble_deep_field.jpg')
      }
    } finally {
      closed = true
    }
  }
  for await (const { index } of model.stream(sources(), { inFlight: 4 })) if (index === 2) break
  expect(closed).toBe(true)
  expect(pulled).toBeLessThanOrEqual(8)
  await idle()
})

test('abort rejects with the reason', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const seen: number[] = []
  const run = async () => {
    for await (const { index } of model.stream(photos, { signal: controller.signal })) {
      seen.push(index)
      if (index === 1) controller.abort(reason)
    }
  }
  await expect(run()).rejects.toBe(reason)
  expect(seen).toEqual([0, 1])
  await idle()
})

test('wrong options and sources throw at the call; a pool that is not there ends the stream', async () => {
  await expectCode(() => model.stream(photos, { inFlight: 0 }), 'ERR_OPTION_INVALID', 'inFlight')
  await expectCode(() => model.stream(photos, { imageSize: 225 }), 'ERR_IMAGE_SIZE', '225')
  await expectCode(() => model.stream(photos, { topK: 1 } as object), 'ERR_OPTION_UNKNOWN', 'topK')
  for (const images of ['a.jpg', Buffer.from('bytes'), 5, null, {}]) {
    await expectCode(() => model.stream(images as unknown as string[]), 'ERR_OPTION_INVALID', 'iterable')
  }
  await expectCode(model.stream(photos, { pool: 'logits' }).next(), 'ERR_POOL_UNAVAILABLE')
})

test('buffers are copied when they are pulled', async () => {
  const expected = await model.features(photos[2]!)
  const { readFileSync } = await import('node:fs')
  const buffer = readFileSync(photos[2]!)
  function* sources() {
    yield buffer
    buffer.fill(0)
  }
  for await (const { features } of model.stream(sources())) expect(sameBits(features!.data, expected.data)).toBe(true)
})
