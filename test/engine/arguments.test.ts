// What C++ refuses although TypeScript should have: every size that it would dereference.
import { afterAll, expect, test } from 'vitest'
import type { ErrorCode } from '../../lib/errors'
import { type NativeModel, type NativePicture, type NativePixels, native } from '../../lib/native'
import type { Output } from '../../lib/spec'
import { rejects } from '../support/rejects'
import { randomModel } from './random-model'
import { attention, cls, loadSpec, mean, pooled, randomPicture, randomPixels, run, term, tokens, translated, untouched } from './support'

const { spec } = randomModel({ heads_out: [{ in: 24, out: 6, activation: 'none' }] })
let model: NativeModel
test('loads', async () => {
  model = await loadSpec(spec)
})
afterAll(() => {
  model.close()
  expect(native().counters()).toMatchObject({ models: 0, weightBytes: 0, pictures: 0 })
})

const detached = <T extends Uint8Array | Float32Array>(data: T): T => {
  structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] })
  return data
}
const pixels = randomPixels(1, 12, 12)
const picture = randomPicture(1, 12, 12)
const images: Record<string, { code: ErrorCode; image: () => unknown; says?: RegExp }> = {
  'too few values': {
    code: 'ERR_IMAGE_DIMS',
    image: () => ({ ...pixels, data: pixels.data.subarray(1) }),
    says: /431 values, expected 432/,
  },
  'too many values': { code: 'ERR_IMAGE_DIMS', image: () => ({ ...pixels, data: new Float32Array(433) }) },
  'detached values': { code: 'ERR_IMAGE_DIMS', image: () => ({ ...pixels, data: detached(pixels.data.slice()) }) },
  'a detached picture': { code: 'ERR_IMAGE_DIMS', image: () => ({ ...picture, data: detached(picture.data.slice()) }) },
  'a picture of another layout': { code: 'ERR_IMAGE_DIMS', image: () => ({ ...picture, layout: 'rgba' }) },
  'bytes as values': { code: 'ERR_INTERNAL', image: () => ({ ...pixels, data: new Uint8Array(432) }) },
  'an array as values': { code: 'ERR_INTERNAL', image: () => ({ ...pixels, data: [1, 2, 3] }) },
  'width 0': { code: 'ERR_INTERNAL', image: () => ({ ...pixels, width: 0, data: new Float32Array(0) }) },
  'negative height': { code: 'ERR_INTERNAL', image: () => ({ ...pixels, height: -12 }) },
  'a width beyond all reason': { code: 'ERR_INTERNAL', image: () => ({ ...pixels, width: 2 ** 31 }) },
  'a side that the patch does not divide': { code: 'ERR_IMAGE_SIZE', image: () => randomPixels(1, 12, 13), says: /12×13/ },
  'a crop that the patch does not divide': { code: 'ERR_IMAGE_SIZE', image: () => ({ ...picture, geometry: untouched(12, 10) }) },
  'an unknown filter': { code: 'ERR_INTERNAL', image: () => ({ ...picture, geometry: { ...picture.geometry, filter: 'sinc' } }) },
  'padding beyond a byte': { code: 'ERR_INTERNAL', image: () => ({ ...picture, geometry: { ...picture.geometry, pad: [0, 256, 0] } }) },
  nothing: { code: 'ERR_INTERNAL', image: () => undefined },
}
for (const [what, { code, image, says }] of Object.entries(images)) {
  test(`image: ${what}`, async () => {
    const call = translated(() => model.run(image() as NativePixels, [cls], [new Float32Array(24)], 0).promise)
    await rejects(call, code, ...(says ? [says] : []))
  })
}

const sinks: Record<string, { sinks: () => unknown[]; row?: number; outputs?: Output[] }> = {
  'one value short': { sinks: () => [new Float32Array(23)] },
  'a row beyond the end': { sinks: () => [new Float32Array(48)], row: 2 },
  'a negative row': { sinks: () => [new Float32Array(48)], row: -1 },
  'a row that overflows': { sinks: () => [new Float32Array(48)], row: 2 ** 40 },
  detached: { sinks: () => [detached(new Float32Array(24))] },
  'of doubles': { sinks: () => [new Float64Array(24)] },
  'too few': { sinks: () => [] },
  'too many': { sinks: () => [new Float32Array(24), new Float32Array(24)] },
  'second one short': { sinks: () => [new Float32Array(24), new Float32Array(24)], outputs: [cls, tokens] },
}
for (const [what, { sinks: make, row = 0, outputs = [cls] }] of Object.entries(sinks)) {
  test(`sinks: ${what}`, async () => {
    await rejects(
      translated(() => model.run(picture as NativePicture, outputs, make() as Float32Array[], row).promise),
      'ERR_INTERNAL',
    )
    expect(native().counters().pictures).toBe(0)
  })
}

const outputs: Record<string, Output> = {
  'a row beyond the tokens': pooled([term(10, 1)]),
  'rows beyond the tokens': pooled([term(3, 8)]),
  'a mean of no rows': pooled([term(3, 0, { mean: true })]),
  'no terms': pooled([]),
  'no branches': { kind: 'pool', branches: [], normalize: false, layer: -1 },
  'a head that is not there': pooled([term(0, 1)], { head: 1 }),
  'a head of another width': pooled([term(0, 2)], { head: 0 }),
  'a layer that is not there': pooled([term(0, 1)], { layer: 3 }),
  'branches of two widths': {
    kind: 'pool',
    branches: [
      { terms: [term(0, 1)], head: -1 },
      { terms: [term(0, 1)], head: 0 },
    ],
    normalize: false,
    layer: -1,
  },
}
for (const [what, output] of Object.entries(outputs)) {
  test(`output: ${what}`, async () => {
    await rejects(
      translated(() => model.run(pixels, [output], [new Float32Array(1000)], 0).promise),
      'ERR_POOL_UNAVAILABLE',
    )
  })
}

test('attention of a model without blocks', async () => {
  const { spec: bare } = randomModel({ blocks: 0 })
  const engine = await loadSpec(bare)
  await rejects(
    translated(() => engine.run(pixels, [attention], [new Float32Array(1000)], 0).promise),
    'ERR_POOL_UNAVAILABLE',
  )
  engine.close()
})

test('crop refuses pixel values and a short sink', async () => {
  const wrong = pixels as unknown as NativePicture
  await rejects(
    translated(() => native().crop(wrong, new Uint8Array(432), 0).promise),
    'ERR_IMAGE_UNSUPPORTED',
  )
  await rejects(
    translated(() => native().crop(picture, new Uint8Array(431), 0).promise),
    'ERR_INTERNAL',
  )
})

test('the model still works after all that', async () => {
  const [values] = await run(model, spec, pixels, [mean(spec)])
  expect(values!.every(Number.isFinite)).toBe(true)
})
