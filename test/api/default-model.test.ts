// The goldens of models/default over the nine photographs: crops byte for byte; cls, mean and attention at 1e-4 of the largest value.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load, type Model } from '../../lib/index'
import { photo, root } from './support'

const folder = join(root, 'models', 'default')
const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as { images: string[]; crop_sha256: Record<string, string> }
const paths = golden.images.map(photo)

/** One tensor of golden.safetensors. */
function goldenTensor(name: string): { shape: number[]; bytes: Buffer } {
  const file = readFileSync(join(folder, 'golden.safetensors'))
  const length = Number(file.readBigUInt64LE())
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, { shape: number[]; data_offsets: [number, number] }>
  const { shape, data_offsets } = header[name]!
  return { shape, bytes: Buffer.from(file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1])) }
}

function expectNear(name: string, found: Float32Array) {
  const { bytes } = goldenTensor(name)
  const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  expect(found.length).toBe(expected.length)
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  let worst = { error: 0, index: -1 }
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!) / largest
    if (!(error <= worst.error)) worst = { error, index: i }
  }
  expect(worst.error, `${name}[${worst.index}]: ${found[worst.index]} for ${expected[worst.index]}`).toBeLessThanOrEqual(1e-4)
}

let model: Model
beforeAll(async () => {
  model = await load()
})
afterAll(() => model.close())

test('crops, byte for byte', async () => {
  const crops = await model.preprocess(paths)
  expect(crops).toMatchObject({ type: 'uint8', dims: goldenTensor('crops').shape })
  for (const [i, name] of golden.images.entries()) {
    expect(createHash('sha256').update(crops.row(i)).digest('hex'), name).toBe(golden.crop_sha256[name])
  }
  expect(Buffer.compare(Buffer.from(crops.data), goldenTensor('crops').bytes)).toBe(0)
})

test('cls and mean', async () => {
  const [cls, mean] = await model.features(paths, { pool: ['cls', 'mean'] })
  expect([cls!.dims, mean!.dims]).toEqual([goldenTensor('cls').shape, goldenTensor('mean').shape])
  expectNear('cls', cls!.data)
  expectNear('mean', mean!.data)
})

test('attention of the CLS token in the last block', async () => {
  const attention = await model.attention(paths)
  expect(attention.dims).toEqual([9, 6, 16, 16])
  expectNear('cls_attention', attention.data)
})
