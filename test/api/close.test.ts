// close(): twice, while calls and streams run, by `await using`; and every call after it.
import { expect, test } from 'vitest'
import { load } from '../../lib/index'
import { native } from '../../lib/native'
import { expectCode, photos, pixelValues, sameBits } from './support'

test('twice, and every call afterwards', async () => {
  const before = native().counters().models
  const model = await load()
  const [first, second] = [model.close(), model.close()]
  await Promise.all([first, second, model.close()])
  expect(native().counters().models).toBe(before)
  for (const call of [
    () => model.features(photos),
    () => model.classify(photos),
    () => model.attention(photos),
    () => model.preprocess(photos),
    () => model.stream(photos),
  ]) {
    await expectCode(call, 'ERR_MODEL_CLOSED', 'model.safetensors')
  }
  expect(model.info.dim).toBe(384)
})

test('while calls run: they settle with their results, then the weights go', async () => {
  const model = await load()
  const expected = await model.features(photos)
  const call = model.features(photos)
  const values = model.features(pixelValues(4, 224))
  let settled = 0
  for (const running of [call, values]) running.then(() => settled++)
  await model.close()
  expect(settled).toBe(2)
  expect(sameBits((await call).data, expected.data)).toBe(true)
  await expectCode(model.features(photos), 'ERR_MODEL_CLOSED')
})

test('while a stream runs: what was begun comes, then ERR_MODEL_CLOSED', async () => {
  const model = await load()
  const seen: number[] = []
  const run = async () => {
    for await (const { index } of model.stream(photos, { inFlight: 2 })) {
      seen.push(index)
      if (index === 1) await model.close()
    }
  }
  await expectCode(run(), 'ERR_MODEL_CLOSED')
  expect(seen.length).toBeGreaterThanOrEqual(2)
  expect(seen.length).toBeLessThan(9)
})

test('asyncDispose', async () => {
  const model = await load()
  await model[Symbol.asyncDispose]()
  await expectCode(model.features(photos), 'ERR_MODEL_CLOSED')
})
