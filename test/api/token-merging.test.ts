// Option tokenMerging through the API: what it gives, what takes it, what refuses it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FeatureTensor, load, type Model } from '../../lib/index'
import { fixture } from '../support/fixtures'
import { asDownloaded } from '../support/hub'
import { ortLibrary } from '../support/ort'
import { expectCode, photo, photos, pixelValues, sameBits } from './support'
import { tiny, writeTiny } from './tiny'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-merging-'))
let model: Model
beforeAll(async () => {
  model = await load(writeTiny(join(folder, 'tiny')), { device: 'cpu' })
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true })
})
const input = pixelValues(3, tiny.image)

test('fewer tokens with every block, as dims say', async () => {
  const pool = ['cls', 'tokens'] as const
  const layers = [1, 2]
  const [first, second] = (await model.features(input, { pool, layers, tokenMerging: 3 })) as FeatureTensor[][]
  expect(first!.map(({ dims }) => dims)).toEqual([
    [3, tiny.dim],
    [3, 14, tiny.dim],
  ])
  expect(second![1]!.dims).toEqual([3, 11, tiny.dim])
  // At most half of the patches in one block.
  const { dims } = await model.features(input, { pool: 'tokens', tokenMerging: 1000 })
  expect(dims).toEqual([3, 5, tiny.dim])
  const list = await model.features(input, { pool: 'tokens', tokenMerging: [2] })
  expect(list.dims).toEqual([3, 15, tiny.dim])
})

test('0 is none; a number is a list of it; each call has its own', async () => {
  const options = [0, [0, 0], 2, [2, 2], [2], undefined] as const
  const [none, zeros, two, list, first, plain] = await Promise.all(
    options.map((tokenMerging) => model.features(input, { pool: 'mean', tokenMerging })),
  )
  expect(sameBits(none!.data, plain!.data)).toBe(true)
  expect(sameBits(zeros!.data, plain!.data)).toBe(true)
  expect(sameBits(two!.data, list!.data)).toBe(true)
  for (const other of [two!, first!]) expect(sameBits(other.data, plain!.data)).toBe(false)
  expect(sameBits(two!.data, first!.data)).toBe(false)
})

test('every pool, streams and classes take it', async () => {
  const tokenMerging = 4
  const pool = model.info.pools
  const together = (await model.features(photos.slice(0, 3), { pool, tokenMerging })) as FeatureTensor[]
  for (const [i, name] of pool.entries()) {
    const alone = await model.features(photos.slice(0, 3), { pool: name, tokenMerging })
    expect(sameBits(alone.data, together[i]!.data), name).toBe(true)
  }
  const logits = together[pool.indexOf('logits')]!
  const [classes] = await model.classify(photos[0]!, { tokenMerging })
  expect(classes![0]!.score).toBeTypeOf('number')
  expect(classes).not.toEqual((await model.classify(photos[0]!))[0])
  let row = 0
  for await (const { features } of model.stream(photos.slice(0, 3), { pool: 'logits', tokenMerging })) {
    expect(sameBits(features!.data, logits.row(row++))).toBe(true)
  }
  expect(row).toBe(3)
})

describe('refused', () => {
  test('by calls that read every patch or none', async () => {
    const theirs = 'an option of features(), stream(), classify()'
    await expectCode(model.attention(photo('chelsea.jpg'), { tokenMerging: 4 } as object), 'ERR_OPTION_UNKNOWN', 'attention()', theirs)
    await expectCode(model.preprocess(photo('chelsea.jpg'), { tokenMerging: 4 } as object), 'ERR_OPTION_UNKNOWN', theirs)
  })

  test('more numbers than blocks', async () => {
    await expectCode(model.features(input, { tokenMerging: [1, 1, 1] }), 'ERR_OPTION_INVALID', "'tokenMerging'", '2 blocks', 'found 3')
  })

  test.skipIf(!ortLibrary)('by ONNX Runtime, where 0 is none as well', async () => {
    const onnx = await load(writeTiny(join(folder, 'tiny-onnx')), { device: 'ort-cpu' })
    await expectCode(onnx.features(input, { tokenMerging: 2 }), 'ERR_OPTION_INVALID', "'tokenMerging'", "'ort-cpu'", "device: 'cpu'")
    await expectCode(onnx.classify(input, { tokenMerging: 2 }), 'ERR_OPTION_INVALID', "'tokenMerging'")
    expect((await onnx.features(input, { tokenMerging: 0 })).dims).toEqual([3, tiny.dim])
    await onnx.close()
    const graph = await load(asDownloaded(fixture('onnx-external-data')))
    await expectCode(graph.features(photo('chelsea.jpg'), { tokenMerging: 2 }), 'ERR_OPTION_INVALID', "'tokenMerging'", 'ONNX graph')
    await graph.close()
  })
})
