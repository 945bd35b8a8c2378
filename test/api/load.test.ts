// load(): the default checkpoint, what info says, every way to be refused, and cancelling at every moment.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type LoadProgress, load } from '../../lib/index'
import { native } from '../../lib/native'
import { expectCode, pixelValues, root, until } from './support'
import { tiny, writeTiny } from './tiny'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-load-'))
afterAll(() => rmSync(folder, { recursive: true }))
const checkpoint = join(root, 'models', 'default')

test('without a source: the default checkpoint, and its info', async () => {
  const model = await load()
  const { info } = model
  expect(info).toMatchObject({
    family: 'dinov2',
    dim: 384,
    layers: 12,
    heads: 6,
    patchSize: { height: 14, width: 14 },
    imageSize: { height: 224, width: 224 },
    grid: { height: 16, width: 16 },
    numPrefixTokens: 1,
    device: 'cpu',
    dtype: 'fp32',
    defaultPool: 'cls',
  })
  expect(info.file).toContain('model.safetensors')
  expect(info.pools).toEqual(expect.arrayContaining(['cls', 'mean', 'cls+mean', 'tokens']))
  expect(info.dims).toMatchObject({ cls: [384], 'cls+mean': [768], tokens: [257, 384] })
  expect(info.parameters).toBeGreaterThan(20e6)
  expect(info.isa).toBe(native().runtime().isa)
  expect(info.threads).toBeGreaterThanOrEqual(1)
  expect(info.preprocess).toMatchObject({ resize: { shortestEdge: 256 }, crop: { height: 224, width: 224 }, resample: 'bicubic' })
  expect(JSON.parse(JSON.stringify(info))).toEqual(info)
  await model.close()
})

test('a folder, a file, a URL; options alone', async () => {
  const sources = [checkpoint, join(checkpoint, 'model.safetensors'), pathToFileURL(checkpoint)]
  for (const source of sources) {
    const model = await load(source, { threads: 1 })
    expect(model.info).toMatchObject({ family: 'dinov2', threads: 1, dim: 384 })
    await model.close()
  }
  const model = await load({ threads: 2, imageSize: { height: 140, width: 280 } })
  expect(model.info).toMatchObject({ threads: 2, imageSize: { height: 140, width: 280 }, grid: { height: 10, width: 20 } })
  await model.close()
})

test('the same file twice is one copy of the weights', async () => {
  // What a closed model held is let go when the last thread is done with it.
  const held = () => native().counters().weightBytes
  await until(() => held() === 0)
  const [a, b] = await Promise.all([load(checkpoint), load(checkpoint)])
  expect(held()).toBe(a.info.weightBytes)
  await a.close()
  expect(held()).toBe(b.info.weightBytes)
  await b.close()
  await until(() => held() === 0)
})

test('labels and classifier', async () => {
  const model = await load(writeTiny(join(folder, 'classifier')))
  expect(model.info.labels).toEqual(tiny.labels)
  expect(model.info.pools).toContain('logits')
  expect(model.info.dims.logits).toEqual([tiny.classes])
  await model.close()
})

test('refusals', async () => {
  await expectCode(load(join(folder, 'nowhere')), 'ERR_CHECKPOINT_NOT_FOUND', 'nowhere')
  await expectCode(load(checkpoint, { dtype: 'fp16', device: 'cpu' }), 'ERR_DTYPE_UNAVAILABLE', 'fp16', 'bf16')
  await expectCode(load(checkpoint, { dtype: 'int8', device: 'ort-cpu' }), 'ERR_DTYPE_UNAVAILABLE', 'int8', "'cpu'")
  for (const source of ['', null, 5, new URL('https://example.org/model')]) {
    await expectCode(load(source as string), 'ERR_OPTION_INVALID', 'load()', 'path')
  }
  await expectCode(load(checkpoint, { threads: 0 }), 'ERR_OPTION_INVALID', 'threads')
  await expectCode(load(checkpoint, { revision: 'main' } as object), 'ERR_OPTION_UNKNOWN', 'revision', 'threads')
  await expectCode(load(checkpoint, { preprocess: { colour: 1 } as object }), 'ERR_OPTION_UNKNOWN', 'colour')
  await expectCode(load(checkpoint, { imageSize: 225 }), 'ERR_IMAGE_SIZE', '225', '224 and 238')
  await expectCode(load(checkpoint, { imageSize: { height: 224, width: 7 } }), 'ERR_IMAGE_SIZE', 'width')
})

test('device and dtype auto', async () => {
  const model = await load(checkpoint, { device: 'auto', dtype: 'auto' })
  expect(model.info).toMatchObject({ device: 'cpu', dtype: native().runtime().bf16 ? 'bf16' : 'fp32' })
  await model.close()
})

test('bf16 and int8 on the CPU: smaller weights, nearly the same vector', async () => {
  const picture = { data: new Uint8Array(300 * 200 * 3).map((_, i) => (i * 7) % 251), width: 300, height: 200, channels: 3 } as const
  const exact = await load(checkpoint, { device: 'cpu' })
  const { data: expected } = await exact.features(picture, { normalize: true })
  for (const dtype of ['bf16', 'int8'] as const) {
    const model = await load(checkpoint, { device: 'cpu', dtype })
    expect(model.info.dtype).toBe(dtype)
    expect(model.info.weightBytes).toBeLessThan(exact.info.weightBytes)
    const { data } = await model.features(picture, { normalize: true })
    const cosine = data.reduce((sum, x, i) => sum + x * expected[i]!, 0)
    expect(cosine).toBeGreaterThan(0.99)
    expect(cosine).not.toBe(1)
    await model.close()
  }
  await exact.close()
})

test('progress goes up to the end', async () => {
  const events: LoadProgress[] = []
  const model = await load(checkpoint, { progress: (event) => events.push(event) })
  expect(events[0]).toEqual({ stage: 'open', loaded: 0, total: 0 })
  expect(events.at(-1)).toEqual({ stage: 'ready', loaded: model.info.weightBytes, total: model.info.weightBytes })
  const weights = events.filter(({ stage }) => stage === 'weights')
  for (const [i, event] of weights.entries()) {
    expect(event.loaded).toBeLessThanOrEqual(event.total)
    expect(event.loaded).toBeGreaterThanOrEqual(weights[i - 1]?.loaded ?? 0)
  }
  await model.close()
})

test('an error thrown by progress rejects the load', async () => {
  const progress = () => {
    throw new Error('planned')
  }
  await expect(load(checkpoint, { progress })).rejects.toThrow('planned')
})

test('abort before, during and after', async () => {
  // Its own copy: nothing else may hold its weights.
  const copy = join(folder, 'copy')
  cpSync(checkpoint, copy, { recursive: true })
  const reason = new Error('enough')
  await expect(load(copy, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)

  const before = native().counters()
  for (const stage of ['open', 'weights'] as const) {
    const controller = new AbortController()
    const call = load(copy, {
      signal: controller.signal,
      progress: (event) => {
        if (stage === 'open' && event.stage === 'open') controller.abort(reason)
      },
    })
    if (stage === 'weights') setTimeout(() => controller.abort(reason), 5)
    await expect(call).rejects.toBe(reason)
  }
  await until(() => native().counters().models === before.models && native().counters().weightBytes === before.weightBytes)

  const controller = new AbortController()
  const model = await load(copy, { signal: controller.signal })
  controller.abort(reason)
  expect((await model.features(pixelValues(1, 28))).dims).toEqual([1, 384])
  await model.close()
})
