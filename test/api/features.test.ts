// features(): every pool and option, and how they hang together; bad images; what the caller may do with its buffers meanwhile.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ImageInput, load, type Model } from '../../lib/index'
import { native } from '../../lib/native'
import { expectCode, photo, photoBytes, photos, pixelValues, sameBits } from './support'
import { tiny, writeTiny } from './tiny'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-features-'))
let model: Model
let classifier: Model
beforeAll(async () => {
  model = await load()
  classifier = await load(writeTiny(join(folder, 'classifier')))
})
afterAll(async () => {
  await Promise.all([model.close(), classifier.close()])
  rmSync(folder, { recursive: true })
})

const cat = photo('chelsea.jpg')

describe('results', () => {
  test('one image still has a batch dimension', async () => {
    const one = await model.features(cat)
    expect(one).toMatchObject({ type: 'float32', dims: [1, 384], size: 384 })
    expect(one.data).toBeInstanceOf(Float32Array)
    expect(one.data.byteOffset).toBe(0)
    expect(one).not.toHaveProperty('errors')
    expect(sameBits(one.data, (await model.features([cat])).data)).toBe(true)
  })

  test('rows stand in the order of the images and do not depend on the batch', async () => {
    const alone = await Promise.all(photos.map((path) => model.features(path)))
    const batch = await model.features([...photos].reverse())
    expect(batch.dims).toEqual([9, 384])
    for (const [i, one] of alone.reverse().entries()) expect(sameBits(batch.row(i), one.data), photos[8 - i]).toBe(true)
  })

  test('every kind of source gives the same bits', async () => {
    const bytes = photoBytes('chelsea.jpg')
    const expected = (await model.features(cat)).data
    const sources: ImageInput[] = [
      pathToFileURL(cat),
      pathToFileURL(cat).href,
      bytes,
      new Uint8Array(bytes),
      new Uint8Array(bytes).buffer,
      new Blob([new Uint8Array(bytes)]),
      `data:image/jpeg;base64,${bytes.toString('base64')}`,
    ]
    for (const source of sources) expect(sameBits((await model.features(source)).data, expected), String(source).slice(0, 40)).toBe(true)
  })

  test('raw pixels: the crop given back as they are', async () => {
    const squash = await load({ preprocess: { resize: null } })
    const crop = await squash.preprocess(cat)
    const raw = { data: crop.data, width: 224, height: 224, channels: 3 } as const
    expect(sameBits((await squash.features(raw)).data, (await squash.features(cat)).data)).toBe(true)
    await squash.close()
  })

  test('pixel values: those of the crop give the features of the picture', async () => {
    const { mean, std } = model.info.preprocess
    const crop = await model.preprocess(cat)
    const data = new Float32Array(3 * 224 * 224)
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 224 * 224; i++) data[c * 224 * 224 + i] = (crop.data[3 * i + c]! / 255 - mean[c]!) / std[c]!
    }
    const fromValues = await model.features({ type: 'float32', dims: [1, 3, 224, 224], data })
    const fromPicture = await model.features(cat)
    const largest = fromPicture.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [i, value] of fromPicture.data.entries()) expect(Math.abs(value - fromValues.data[i]!)).toBeLessThanOrEqual(1e-4 * largest)
  })
})

describe('pools', () => {
  test('several from one pass are those of a pass each', async () => {
    const names = ['cls', 'mean', 'cls+mean', 'tokens'] as const
    const together = await model.features(photos.slice(0, 3), { pool: names })
    expect(together.map(({ dims }) => dims)).toEqual([
      [3, 384],
      [3, 384],
      [3, 768],
      [3, 257, 384],
    ])
    for (const [i, pool] of names.entries()) {
      expect(sameBits(together[i]!.data, (await model.features(photos.slice(0, 3), { pool })).data), pool).toBe(true)
    }
  })

  test('cls is the first token, mean the mean of the patches, cls+mean both', async () => {
    const [cls, mean, both, tokens] = await model.features(cat, { pool: ['cls', 'mean', 'cls+mean', 'tokens'] })
    expect(sameBits(tokens!.data.subarray(0, 384), cls!.data)).toBe(true)
    expect(sameBits(both!.data.subarray(0, 384), cls!.data)).toBe(true)
    expect(sameBits(both!.data.subarray(384), mean!.data)).toBe(true)
    for (let d = 0; d < 384; d++) {
      let sum = 0
      for (let t = 1; t < 257; t++) sum += tokens!.data[t * 384 + d]!
      expect(mean!.data[d]).toBeCloseTo(sum / 256, 5)
    }
  })

  test('an array of one pool gives an array of one tensor', async () => {
    const [cls, ...more] = await model.features(cat, { pool: ['cls'] })
    expect(more).toEqual([])
    expect(cls!.dims).toEqual([1, 384])
  })

  test('pools that are not there', async () => {
    for (const pool of ['logits', ['cls', 'logits']] as const) {
      await expectCode(model.features(cat, { pool }), 'ERR_POOL_UNAVAILABLE', "'logits'", "'cls', 'mean'")
    }
  })

  test('logits of a classifier', async () => {
    const logits = await classifier.features(photos, { pool: 'logits' })
    expect(logits.dims).toEqual([9, tiny.classes])
  })

  test('a pooler', async () => {
    const pooling = await load(writeTiny(join(folder, 'pooler'), { classifier: false, pooler: true }))
    const pooled = await pooling.features(photos, { pool: 'pooled' })
    expect(pooled.dims).toEqual([9, tiny.dim])
    for (const value of pooled.data) expect(Math.abs(value)).toBeLessThanOrEqual(1)
    await pooling.close()
  })
})

describe('options', () => {
  test('normalize: unit length for every vector', async () => {
    const [cls, tokens] = await model.features(photos.slice(0, 2), { pool: ['cls', 'tokens'], normalize: true })
    const plain = await model.features(photos.slice(0, 2))
    const length = (vector: Float32Array) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
    for (let i = 0; i < 2; i++) {
      expect(length(cls!.row(i))).toBeCloseTo(1, 5)
      const scale = length(plain.row(i))
      for (const [k, value] of cls!.row(i).entries()) expect(value).toBeCloseTo(plain.row(i)[k]! / scale, 5)
    }
    for (let t = 0; t < 2 * 257; t++) expect(length(tokens!.data.subarray(t * 384, (t + 1) * 384)), `token ${t}`).toBeCloseTo(1, 5)
  })

  test('layers: one result each, the last like the call without', async () => {
    const plain = await model.features(cat)
    const layers = await model.features(cat, { layers: [1, 6, 12, -1, -7] })
    expect(layers.map(({ dims }) => dims)).toEqual(Array(5).fill([1, 384]))
    expect(sameBits(layers[2]!.data, plain.data)).toBe(true)
    expect(sameBits(layers[3]!.data, plain.data)).toBe(true)
    expect(sameBits(layers[4]!.data, layers[1]!.data)).toBe(true)
    expect(sameBits(layers[0]!.data, layers[1]!.data)).toBe(false)
    const [four, last] = await model.features(cat, { layers: [4, -1], pool: ['mean', 'tokens'] })
    expect([four!.length, last!.length]).toEqual([2, 2])
    expect(last![1]!.dims).toEqual([1, 257, 384])
    for (const layer of [13, -13])
      await expectCode(model.features(cat, { layers: [layer] }), 'ERR_OPTION_INVALID', 'layers', '12', `${layer}`)
  })

  test('imageSize: another grid, of pictures', async () => {
    const tokens = await model.features(cat, { pool: 'tokens', imageSize: { height: 140, width: 280 } })
    expect(tokens.dims).toEqual([1, 1 + 10 * 20, 384])
    expect((await model.preprocess(cat, { imageSize: 280 })).dims).toEqual([1, 280, 280, 3])
    expect((await model.attention(cat, { imageSize: 140 })).dims).toEqual([1, 6, 10, 10])
    await expectCode(model.features(cat, { imageSize: 230 }), 'ERR_IMAGE_SIZE', '230', '224 and 238')
    await expectCode(model.features(cat, { imageSize: 7 }), 'ERR_IMAGE_SIZE', '7×7', 'nearest: 14')
  })

  test('imageSize: pixel values have their own', async () => {
    const tokens = await model.features(pixelValues(2, 140), { pool: 'tokens' })
    expect(tokens.dims).toEqual([2, 101, 384])
    expect((await model.features(pixelValues(1, 140), { imageSize: 140 })).dims).toEqual([1, 384])
    await expectCode(model.features(pixelValues(1, 140), { imageSize: 224 }), 'ERR_IMAGE_SIZE', '224×224', '140×140')
    await expectCode(model.features(pixelValues(1, 150)), 'ERR_IMAGE_SIZE', '150', 'pixel values')
  })

  test('load’s imageSize is the default of calls, and does not bind pixel values', async () => {
    const small = await load({ imageSize: 140 })
    expect((await small.features(cat, { pool: 'tokens' })).dims).toEqual([1, 101, 384])
    expect((await small.features(cat, { pool: 'tokens', imageSize: 224 })).dims).toEqual([1, 257, 384])
    expect((await small.features(pixelValues(1, 28), { pool: 'tokens' })).dims).toEqual([1, 5, 384])
    await small.close()
  })

  test('maxPixels refuses from the header', async () => {
    await expectCode(
      model.features([cat, photo('coffee.jpg')], { maxPixels: 1000 }),
      'ERR_IMAGE_TOO_LARGE',
      'image 0',
      'chelsea.jpg',
      '1000',
    )
  })

  test('a pipeline that leaves the size to the picture', async () => {
    const free = await load({ preprocess: { resize: { shortestEdge: 224 }, crop: null } })
    await expectCode(free.features(cat), 'ERR_IMAGE_SIZE', 'image 0', 'chelsea.jpg', 'crop')
    expect((await free.features(cat, { imageSize: 224 })).dims).toEqual([1, 384])
    await free.close()
  })
})

describe('bad input', () => {
  const broken = photoBytes('coffee.jpg').subarray(0, 20_000)

  test('no images', async () => {
    for (const input of [[], undefined, null]) await expectCode(model.features(input as unknown as string[]), 'ERR_NO_IMAGES')
  })

  test('the first bad image is named by index and source', async () => {
    const images = [...photos, join(folder, 'nowhere.jpg'), Buffer.from('text, not a picture')]
    await expectCode(model.features(images), 'ERR_IMAGE_NOT_FOUND', 'image 9', 'nowhere.jpg')
    await expectCode(model.features([cat, Buffer.from('text, not a picture'), 'nowhere.jpg']), 'ERR_IMAGE_UNSUPPORTED', 'image 1')
    await expectCode(model.features([cat, Buffer.alloc(0)]), 'ERR_IMAGE_EMPTY', 'image 1')
    await expectCode(model.features([cat, broken]), 'ERR_IMAGE_DECODE', 'image 1')
    await expectCode(model.features([cat, 5 as unknown as string]), 'ERR_IMAGE_UNSUPPORTED', 'image 1')
  })

  test('collect keeps the others, fills the bad rows with NaN and says why', async () => {
    const images = [cat, broken, photo('coffee.jpg'), 'nowhere.jpg']
    const [cls, tokens] = await model.features(images, { errors: 'collect', pool: ['cls', 'tokens'] })
    expect(cls!.dims).toEqual([4, 384])
    expect(cls!.errors!.map((error) => error?.code ?? null)).toEqual([null, 'ERR_IMAGE_DECODE', null, 'ERR_IMAGE_NOT_FOUND'])
    expect(tokens!.errors).toEqual(cls!.errors)
    const good = await model.features([cat, photo('coffee.jpg')])
    expect(sameBits(cls!.row(0), good.row(0))).toBe(true)
    expect(sameBits(cls!.row(2), good.row(1))).toBe(true)
    for (const row of [cls!.row(1), cls!.row(3), tokens!.row(3)]) expect(row.every(Number.isNaN)).toBe(true)
    const fine = await model.features(photos.slice(0, 2), { errors: 'collect' })
    expect(fine.errors).toEqual([null, null])
    const crops = await model.preprocess(images, { errors: 'collect' })
    expect(crops.errors!.map((error) => error === null)).toEqual([true, false, true, false])
    expect(crops.row(3).every((value) => value === 0)).toBe(true)
    const attention = await model.attention(images, { errors: 'collect' })
    expect(attention.row(1).every(Number.isNaN)).toBe(true)
  })

  test('dims that do not fit', async () => {
    const { data } = pixelValues(1, 28)
    for (const dims of [
      [1, 3, 28],
      [1, 4, 28, 28],
      [2, 3, 28, 28],
      [1, 3, -28, -28],
      [1, 3, 28.5, 28],
    ]) {
      await expectCode(model.features({ type: 'float32', dims, data }), 'ERR_IMAGE_DIMS')
    }
    await expectCode(model.features({ data: new Uint8Array(10), width: 2, height: 2, channels: 3 }), 'ERR_IMAGE_DIMS', 'image 0', '12')
  })

  test('NaN in pixel values passes through, to its own image alone', async () => {
    const values = pixelValues(2, 28)
    values.data[5] = Number.NaN
    const features = await model.features(values)
    expect(features.row(0).every(Number.isNaN)).toBe(true)
    expect(
      sameBits(features.row(1), (await model.features({ ...values, dims: [1, 3, 28, 28], data: values.data.slice(3 * 28 * 28) })).data),
    ).toBe(true)
  })

  test('preprocess takes no pixel values', async () => {
    await expectCode(model.preprocess(pixelValues(1, 28)), 'ERR_IMAGE_UNSUPPORTED', 'pixel values')
  })

  test('a preprocessing that is not there yet: pictures are refused, pixel values work', async () => {
    const other = await load({ preprocess: { resample: 'lanczos' } }).catch((error) => error)
    if (other instanceof Error) {
      await expectCode(Promise.reject(other), 'ERR_PREPROCESS_UNSUPPORTED', 'lanczos')
    } else {
      await other.features(pixelValues(1, 28))
      await other.close()
    }
  })
})

test('a decoded picture is let go when it is computed, not when the garbage is collected', async () => {
  const detach = vi.spyOn(native(), 'detach')
  const raw = { data: new Uint8Array(30 * 30 * 3), width: 30, height: 30, channels: 3 } as const
  await model.features([photoBytes('chelsea.jpg'), raw, cat])
  await model.preprocess(cat)
  expect(detach.mock.calls.map(([bytes]) => bytes.byteLength)).toEqual([0, 0, 0])
  expect(raw.data.byteLength).toBe(30 * 30 * 3)
  detach.mockRestore()
})

describe('buffers that the caller changes during the call', () => {
  const bytes = photoBytes('chelsea.jpg')
  const expected = async () => (await model.features(cat)).data

  test('overwritten', async () => {
    const buffer = Buffer.from(bytes)
    const call = model.features([buffer, buffer])
    buffer.fill(0)
    const features = await call
    for (let i = 0; i < 2; i++) expect(sameBits(features.row(i), await expected())).toBe(true)
  })

  test('transferred', async () => {
    const array = new Uint8Array(bytes)
    const call = model.features(array)
    structuredClone(array.buffer, { transfer: [array.buffer] })
    expect(array.length).toBe(0)
    expect(sameBits((await call).data, await expected())).toBe(true)
  })

  test('resized', async () => {
    const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize(length: number): void }
    const buffer = new Resizable(bytes.length, { maxByteLength: bytes.length })
    new Uint8Array(buffer).set(bytes)
    const call = model.features(new Uint8Array(buffer))
    buffer.resize(0)
    expect(sameBits((await call).data, await expected())).toBe(true)
  })

  test('shared', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    const call = model.features(shared)
    shared.fill(0)
    expect(sameBits((await call).data, await expected())).toBe(true)
  })

  test('pixel values of more images than have room at once, overwritten', async () => {
    const values = pixelValues(40, 28)
    const whole = (await model.features({ ...values, data: values.data.slice() })).data
    const call = model.features(values)
    values.data.fill(0)
    expect(sameBits((await call).data, whole)).toBe(true)
  })

  test('pixel values and raw pixels, transferred', async () => {
    const values = pixelValues(2, 28)
    const whole = (await model.features(values)).data
    const call = model.features(values)
    structuredClone(values.data.buffer, { transfer: [values.data.buffer] })
    expect(sameBits((await call).data, whole)).toBe(true)

    const raw = () => ({ data: new Uint8Array(300 * 300 * 4).map((_, i) => i), width: 300, height: 300, channels: 4 }) as const
    const right = (await model.features(raw())).data
    const given = raw()
    const second = model.features(given)
    structuredClone(given.data.buffer, { transfer: [given.data.buffer] })
    expect(sameBits((await second).data, right)).toBe(true)
  })
})

describe('classify and attention', () => {
  test('classes best first, with labels and softmax', async () => {
    const classes = await classifier.classify(photos.slice(0, 2), { topK: 10 })
    expect(classes).toHaveLength(2)
    const logits = await classifier.features(photos.slice(0, 2), { pool: 'logits' })
    for (const [i, list] of classes.entries()) {
      expect(list).toHaveLength(tiny.classes)
      expect(list.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6)
      const order = [...logits.row(i).keys()].sort((a, b) => logits.row(i)[b]! - logits.row(i)[a]!)
      expect(list.map(({ index }) => index)).toEqual(order)
      expect(list.map(({ label }) => label)).toEqual(order.map((index) => tiny.labels[index]))
    }
    expect((await classifier.classify(cat, { topK: 1 }))[0]).toHaveLength(1)
    await expectCode(model.classify(cat), 'ERR_POOL_UNAVAILABLE', 'classifier')
  })

  test('attention of pictures and of pixel values; each row of a head is at most 1 in sum', async () => {
    const attention = await model.attention(pixelValues(2, 56))
    expect(attention.dims).toEqual([2, 6, 4, 4])
    for (let i = 0; i < 12; i++) {
      const sum = attention.data.subarray(16 * i, 16 * (i + 1)).reduce((a, b) => a + b, 0)
      expect(sum).toBeGreaterThan(0)
      expect(sum).toBeLessThanOrEqual(1)
    }
  })
})

test('reading the file later changes nothing', async () => {
  const before = await model.features(readFileSync(cat))
  expect(sameBits(before.data, (await model.features(cat)).data)).toBe(true)
})
