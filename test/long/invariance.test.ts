// The same image has the same bits alone and in any batch, at any position, thread count and pool, on the default checkpoint and a ViT-B/16.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { load } from '../../lib/index'
import { root, temporaryFolder, writeViTB16 } from './support'

const SIZE = 3 * 224 * 224
const pools = ['cls', 'mean', 'cls+mean', 'tokens', 'pooled', 'logits'] as const

async function check(source: string, batches: number[]) {
  const images = Array.from({ length: 9 }, (_, n) => Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i * 0.37 + n * 11.3) * 2))
  const batchOf = (first: number, count: number) => {
    const data = new Float32Array(count * SIZE)
    for (let i = 0; i < count; i++) data.set(images[(first + i) % 9]!, i * SIZE)
    return { type: 'float32', dims: [count, 3, 224, 224], data } as const
  }
  const row = (tensor: { data: Float32Array; dims: readonly number[] }, i: number) => {
    const length = tensor.data.length / tensor.dims[0]!
    return Buffer.from(tensor.data.slice(i * length, (i + 1) * length).buffer)
  }
  const single = await load(source, { threads: 1 })
  const available = pools.filter((pool) => single.info.pools.includes(pool))
  const expected = new Map<string, Buffer[]>()
  for (const pool of available) {
    const rows: Buffer[] = []
    for (let n = 0; n < 9; n++) rows.push(row(await single.features(batchOf(n, 1), { pool }), 0))
    expected.set(pool, rows)
  }
  let compared = 0
  for (const threads of [1, 2]) {
    const model = await load(source, { threads })
    for (const count of batches) {
      for (const pool of available) {
        const features = await model.features(batchOf(count % 9, count), { pool })
        for (let i = 0; i < count; i++) {
          expect(
            Buffer.compare(row(features, i), expected.get(pool)![((count % 9) + i) % 9]!),
            `${pool}, ${threads} threads, ${i} of ${count}`,
          ).toBe(0)
          compared++
        }
      }
      // Asked together with the tokens, the last block computes every row; asked alone, one.
      const [cls] = await model.features(batchOf(0, count), { pool: ['cls', 'tokens'] })
      for (let i = 0; i < count; i++)
        expect(Buffer.compare(row(cls!, i), expected.get('cls')![i]!), `cls beside tokens, ${i} of ${count}`).toBe(0)
    }
    await model.close()
  }
  await single.close()
  return compared
}

test('default checkpoint', async () => {
  console.log('rows compared', await check(join(root, 'models', 'default'), [1, 2, 3, 4, 5, 6, 7, 8, 9]))
})

test('random ViT-B/16', async () => {
  const folder = temporaryFolder()
  console.log('rows compared', await check(writeViTB16(folder.path), [1, 2, 3, 4, 5, 6, 7, 8, 9]))
  folder.remove()
})
