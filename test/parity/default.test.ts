// The embedded checkpoint against its goldens, by the three ways that an image has into the encoder: a photograph, the uint8 crop, pixel values.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type FeatureTensor, load } from '../../lib/index'
import { readJson, root } from '../support/fixtures'
import { worst } from '../support/parity'
import { decode, values } from '../support/safetensors'

const folder = join(root, 'models', 'default')
const golden = decode(join(folder, 'golden.safetensors'))
const names = readJson(join(folder, 'golden.json')).images as string[]
const crops = golden.crops!.data
const pool = ['cls', 'mean'] as const
const bytes = 224 * 224 * 3
/** The two ways behind the decoder show themselves in two images as well as in nine. */
const few = 2

/** Planes of (value / 255 − mean) / std, as the checkpoint's processor makes them. */
function pixelValues(): { type: 'float32'; dims: number[]; data: Float32Array } {
  const { image_mean: mean, image_std: std } = readJson(join(folder, 'preprocessor_config.json')) as {
    image_mean: number[]
    image_std: number[]
  }
  const data = new Float32Array(few * bytes)
  for (let i = 0; i < data.length; i++) {
    const [image, inside] = [Math.floor(i / bytes), i % bytes]
    const [channel, pixel] = [Math.floor(inside / (224 * 224)), inside % (224 * 224)]
    data[i] = (crops[image * bytes + pixel * 3 + channel]! / 255 - mean[channel]!) / std[channel]!
  }
  return { type: 'float32', dims: [few, 3, 224, 224], data }
}

const ways = {
  photographs: async () => {
    const model = await load(folder)
    return [model, names.map((name) => join(root, 'examples', 'photos', name))] as const
  },
  crops: async () => {
    const model = await load(folder, { preprocess: { resize: null } })
    const raw = names
      .slice(0, few)
      .map((_, i) => ({ data: crops.slice(i * bytes, (i + 1) * bytes), width: 224, height: 224, channels: 3 as const }))
    return [model, raw] as const
  },
  'pixel values': async () => [await load(folder), pixelValues()] as const,
}

// The reference kernels are plain loops: minutes for a model of this size.
describe.skipIf(process.env.VITRINE_ISA === 'reference').each(Object.entries(ways))('%s', (_, way) => {
  test('give the golden features and attention', async () => {
    const [model, input] = await way()
    try {
      const [cls, mean] = (await model.features(input, { pool })) as [FeatureTensor, FeatureTensor]
      const attention = await model.attention(input)
      const images = cls.dims[0]!
      expect(attention.dims).toEqual([images, 6, 16, 16])
      for (const [name, found] of [
        ['cls', cls.data],
        ['mean', mean.data],
        ['cls_attention', attention.data],
      ] as const) {
        const { error, where } = worst(found, values(golden[name]!).subarray(0, found.length))
        expect(error, `${name}: ${where} (${model.info.isa})`).toBeLessThanOrEqual(1e-4)
      }
    } finally {
      await model.close()
    }
  })
})

test('the crops of the photographs are the golden ones, byte for byte', async () => {
  const model = await load(folder)
  try {
    const found = await model.preprocess(names.map((name) => readFileSync(join(root, 'examples', 'photos', name))))
    expect(found.dims).toEqual([names.length, 224, 224, 3])
    for (const [i, name] of names.entries()) {
      expect(Buffer.compare(found.data.subarray(i * bytes, (i + 1) * bytes), crops.subarray(i * bytes, (i + 1) * bytes)), name).toBe(0)
    }
  } finally {
    await model.close()
  }
})
