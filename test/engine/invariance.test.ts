// The same image has the same bits: alone or among others, at any position, with any number of threads, whatever else is asked for.
// This file's process has more threads than images at times, so that helpers share the work inside an image.
process.env.VITRINE_THREADS = '4'

import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import type { Output } from '../../lib/spec'
import { expectSameBits } from '../support/tolerance'
import { type ModelOptions, randomModel } from './random-model'
import { attention, cls, dtypes, loadSpec, mean, outputLength, pooled, randomPicture, randomPixels, run, term, tokens } from './support'

// Wide enough for a matrix product to be cut into several chunks; token counts around tiles, and beyond one key block.
const models: Record<string, ModelOptions & { size: [number, number] }> = {
  'one tile': { size: [12, 12] },
  'heads of whole panels, few rows': { dim: 128, heads: 4, mlpWidth: 96, size: [12, 12] },
  'several chunks': { dim: 192, heads: 3, mlpWidth: 768, patch: [2, 2], grid: [14, 14], size: [28, 28] },
  'odd number of patches in pairs': {
    ...{ dim: 64, heads: 2, mlpWidth: 128, patch: [2, 2], grid: [9, 11], size: [18, 22] },
    prefix: [
      { rows: 1, position: true },
      { rows: 2, position: false },
    ],
  },
  'odd sizes': {
    dim: 72,
    heads: 2,
    mlpWidth: 150,
    patch: [3, 2],
    grid: [5, 5],
    size: [33, 38],
    glu: true,
    activation: 'silu',
    preNorm: true,
  },
}

const cases = Object.entries(models).flatMap(([name, model]) => dtypes.map((dtype) => [name, dtype, model] as const))

for (const [name, dtype, { size, ...options }] of cases) {
  test(`${name} in ${dtype}`, async () => {
    expect(native().runtime().threads).toBe(4)
    const { spec } = randomModel({
      ...options,
      blocks: 3,
      layerScale: true,
      heads_out: [{ in: options.dim ?? 24, out: 5, activation: 'none' }],
    })
    const images = Array.from({ length: 5 }, (_, i) => (i % 2 ? randomPicture(i, ...size) : randomPixels(i, ...size)))
    const outputs: Record<string, Output> = {
      cls,
      mean: mean(spec),
      tokens,
      attention,
      head: pooled([term(0, 1)], { head: 0, normalize: true }),
      middle: pooled([term(4, 2), term(0, 1)]),
      layer: pooled([term(0, 1)], { layer: 2 }),
    }
    const single = await loadSpec(spec, 1, dtype)
    // Everything of one image at once: all rows of the last block.
    const expected: Float32Array[][] = []
    for (const image of images) expected.push(await run(single, spec, image, Object.values(outputs)))

    for (const threads of [1, 2, 3, 4]) {
      const model = await loadSpec(spec, threads, dtype)
      for (const [j, [pool, output]] of Object.entries(outputs).entries()) {
        // One at a time: helpers share it; then all at once, in a batch that begins elsewhere.
        const length = outputLength(spec, images[0]!, output)
        for (const [i, image] of images.entries()) {
          const [alone] = await run(model, spec, image, [output])
          expectSameBits(alone!, expected[i]![j]!, `${pool} of image ${i} alone, ${threads} threads`)
        }
        const order = images.map((_, i) => (i + threads) % images.length)
        const sink = new Float32Array(images.length * length)
        await Promise.all(order.map((i, row) => model.run(images[i]!, [output], [sink], row).promise))
        order.forEach((i, row) => {
          expectSameBits(
            sink.subarray(row * length, (row + 1) * length),
            expected[i]![j]!,
            `${pool} of image ${i} in row ${row}, ${threads} threads`,
          )
        })
      }
      model.close()
    }
    single.close()
  })
}

test('weights packed by many threads are those packed by one', async () => {
  const { spec } = randomModel({ dim: 192, heads: 3, mlpWidth: 768, layerScale: true, glu: true })
  const image = randomPixels(1, 12, 12)
  for (const dtype of dtypes) {
    const packed: Float32Array[] = []
    for (const threads of [1, 4]) {
      const model = await loadSpec(spec, threads, dtype)
      packed.push((await run(model, spec, image, [tokens]))[0]!)
      model.close()
    }
    expectSameBits(packed[1]!, packed[0]!, `tokens in ${dtype}`)
  }
})
