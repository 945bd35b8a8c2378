// bf16 and int8 against the goldens: the cosine of the CLS vector. Tiny random fixtures say little about it, so: the default checkpoint over its
// photographs, and the one fixture of VITRINE_FIXTURES that is large enough.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { load } from '../../lib/index'
import { native } from '../../lib/native'
import { fixtures } from '../support/fixtures'
import { values } from '../support/safetensors'

const root = join(__dirname, '..', '..')
const least = { bf16: 0.9998, int8: 0.998 } as const

function cosine(a: ArrayLike<number>, b: ArrayLike<number>, from: number, length: number): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = from; i < from + length; i++) {
    dot += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return dot / Math.sqrt(aa * bb)
}

// The reference kernels are compared with the others in test/kernels; a trained model through them takes minutes.
describe.skipIf(native().runtime().isa === 'reference').each(['bf16', 'int8'] as const)('%s', (dtype) => {
  it('default checkpoint, photographs', async () => {
    const names = ['astronaut', 'brick', 'chelsea', 'coffee', 'grass', 'gravel', 'hubble_deep_field', 'retina', 'rocket']
    const photographs = names.map((name) => join(root, 'examples', 'photos', `${name}.jpg`))
    const exact = await load({ device: 'cpu' })
    const expected = await exact.features(photographs)
    await exact.close()
    const model = await load({ device: 'cpu', dtype })
    const found = await model.features(photographs)
    await model.close()
    const dim = found.dims[1]!
    names.forEach((name, i) => {
      expect(cosine(found.data, expected.data, i * dim, dim), name).toBeGreaterThan(least[dtype])
    })
  })

  for (const { name, source, tensors } of fixtures().filter(({ name }) => name === 'hf-vit-196-tokens')) {
    it(name, async () => {
      const { pixel_values: pixels, cls } = tensors()
      const model = await load(source, { device: 'cpu', dtype })
      const found = await model.features({
        type: 'float32',
        dims: pixels!.shape as [number, 3, number, number],
        data: Float32Array.from(values(pixels!)),
      })
      await model.close()
      const dim = found.dims[1]!
      for (let i = 0; i < found.dims[0]!; i++)
        expect(cosine(found.data, values(cls!), i * dim, dim)).toBeGreaterThan(dtype === 'bf16' ? 0.9999 : 0.9998)
    })
  }
})
