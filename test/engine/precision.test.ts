// bf16 and int8 beside fp32, over every option of the spec: close where they must be, smaller in memory, NaN where fp32 has it, and never
// shared with another dtype's weights.
import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import { norm } from '../support/tolerance'
import { type ModelOptions, randomModel } from './random-model'
import { attention, cls, loadSpec, mean, pooled, randomPicture, randomPixels, run, term, tokens } from './support'

const variants: Record<string, ModelOptions & { size?: [number, number] }> = {
  plain: { dim: 64, heads: 4, mlpWidth: 128, blocks: 3 },
  'clip-like': { dim: 64, heads: 2, mlpWidth: 128, preNorm: true, patchBias: false, activation: 'quick_gelu', finalNorm: false },
  'glu of odd width, layer scale': { dim: 48, heads: 3, glu: true, activation: 'silu', mlpWidth: 37, layerScale: true },
  'no prefix, tanh GELU': { dim: 64, heads: 4, prefix: [], activation: 'gelu_tanh' },
  'head dim that is odd': { dim: 35, heads: 5, headDim: 7, mlpWidth: 33 },
  'heads wider than the width': { dim: 20, heads: 3, headDim: 11, mlpWidth: 17 },
  'many tokens': { dim: 32, heads: 1, mlpWidth: 64, patch: [1, 1], grid: [20, 20], size: [20, 20] },
}

/** Largest distance of a row to fp32's, in proportion to the largest norm of a row. */
function distance(found: Float32Array, exact: Float32Array, width: number): number {
  let [worst, largest] = [0, 0]
  for (let at = 0; at < exact.length; at += width) {
    worst = Math.max(worst, norm(Float32Array.from({ length: width }, (_, i) => found[at + i]! - exact[at + i]!)))
    largest = Math.max(largest, norm(exact, at, width))
  }
  return worst / largest
}

for (const [name, { size = [12, 12], ...options }] of Object.entries(variants)) {
  test(name, async () => {
    const dim = options.dim!
    const { spec } = randomModel({ ...options, heads_out: [{ in: dim, out: 7, activation: 'none' }] })
    const [height, width] = size as [number, number]
    const images = [randomPixels(5, height, width), randomPicture(6, height, width)]
    const outputs = [cls, mean(spec), tokens, pooled([term(0, 1)], { head: 0 }), pooled([term(0, -1)], { layer: 1 }), attention]
    const exact = await loadSpec(spec)
    // A value of bf16 is within 2⁻⁹, and so is GELU of the small values here; of a byte within 1/510 of its row's range, which random rows of
    // this width spread over about 5 deviations.
    for (const [dtype, bound] of [
      ['bf16', 0.014],
      ['int8', 0.06],
    ] as const) {
      const model = await loadSpec(spec, 1, dtype)
      for (const image of images) {
        const expected = await run(exact, spec, image, outputs)
        const found = await run(model, spec, image, outputs)
        expected.forEach((values, i) => {
          const rows = i === 3 ? 7 : i === 5 ? values.length / spec.heads : dim
          const off = distance(found[i]!, values, rows)
          expect(off, `${dtype}, output ${i}`).toBeLessThan(bound)
          if (i === 2) expect(off, `${dtype} computes in other numbers`).toBeGreaterThan(0)
        })
        const alone = await run(model, spec, image, [cls])
        expect(alone[0]).toEqual(found[0])
      }
      model.close()
    }
    exact.close()
  })
}

test('weights of the blocks take half and a quarter of the memory, each dtype its own', async () => {
  const { spec } = randomModel({ dim: 256, heads: 4, mlpWidth: 1024, blocks: 8 })
  const bytes: number[] = []
  for (const dtype of ['fp32', 'bf16', 'int8'] as const) {
    const model = await loadSpec(spec, 1, dtype)
    bytes.push(model.weightBytes)
    model.close()
  }
  expect(bytes[1]! / bytes[0]!).toBeLessThan(0.52)
  expect(bytes[2]! / bytes[0]!).toBeLessThan(0.32)
})

test('NaN in one image stays in it', async () => {
  const { spec } = randomModel({ dim: 64, heads: 4, mlpWidth: 128 })
  const image = randomPixels(7, 12, 12)
  image.data[5] = Number.NaN
  for (const dtype of ['bf16', 'int8'] as const) {
    const model = await loadSpec(spec, 1, dtype)
    const [found] = await run(model, spec, image, [cls])
    expect(found!.every(Number.isNaN), dtype).toBe(true)
    model.close()
  }
})

test('an unknown dtype is refused by the door', () => {
  const { spec } = randomModel({})
  expect(() => native().loadModel(spec, { threads: 1, dtype: 'fp64' as 'fp32' })).toThrow(/dtype: expected 'fp32', 'bf16' or 'int8'/)
})
