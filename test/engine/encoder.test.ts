// The whole encoder against plain loops in double, over every option of the spec and every kind of output.
import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import { expectWithin, norm, reduction } from '../support/tolerance'
import { plainEncode } from './plain-encoder'
import { type ModelOptions, randomModel } from './random-model'
import { attention, cls, loadSpec, mean, pooled, randomPicture, randomPixels, run, term, tokens } from './support'

const variants: Record<string, ModelOptions & { size?: [number, number] }> = {
  plain: {},
  'clip-like': { preNorm: true, patchBias: false, activation: 'quick_gelu', finalNorm: false },
  'layer scale, registers without position': {
    layerScale: true,
    prefix: [
      { rows: 1, position: true },
      { rows: 4, position: false },
    ],
  },
  'glu of odd width': { glu: true, activation: 'silu', mlpWidth: 37 },
  'two prefix tokens with positions': {
    prefix: [
      { rows: 1, position: true },
      { rows: 1, position: true },
    ],
  },
  'no prefix': { prefix: [], activation: 'gelu_tanh' },
  'no positions': { grid: undefined },
  'no key bias': { qkvBias: 'no-key' },
  'no qkv bias': { qkvBias: 'none', activation: 'relu' },
  'heads narrower than the width': { dim: 20, heads: 3, headDim: 4 },
  'heads wider than the width': { dim: 20, heads: 3, headDim: 11, mlpWidth: 17 },
  'patches that are not square': { patch: [2, 6], grid: [5, 2], size: [10, 12] },
  'one block': { blocks: 1 },
  'bfloat16 file': { dtype: 'bf16' },
  // Wide and long enough for rows to be multiplied two by two, one of 99 without partner.
  'patches in pairs': {
    ...{ dim: 64, heads: 2, mlpWidth: 128, patch: [2, 2], grid: [9, 11], size: [18, 22] },
    prefix: [
      { rows: 1, position: true },
      { rows: 2, position: false },
    ],
  },
  'patches in pairs, glu': {
    dim: 64,
    heads: 2,
    mlpWidth: 64,
    glu: true,
    activation: 'silu',
    patch: [2, 2],
    grid: [10, 10],
    size: [20, 20],
  },
}

for (const [name, { size = [12, 12], ...options }] of Object.entries(variants)) {
  test(name, async () => {
    const model = randomModel({ ...options, heads_out: [{ in: (options.dim ?? 24) * 2, out: 7, activation: 'tanh' }] })
    const { spec } = model
    const [height, width] = size as [number, number]
    const image = randomPixels(5, height, width)
    const outputs = [
      cls,
      mean(spec),
      tokens,
      pooled([term(0, -1, { afterNorm: false })]),
      pooled([term(0, 1), term(1, -1, { mean: true, afterNorm: false })], { head: 0 }),
      pooled([term(0, 2)], { normalize: true }),
      pooled([term(0, 1), term(1, -1, { mean: true })], { normalize: true }),
      pooled([term(1, 3, { mean: true })], { layer: 0 }),
      pooled([term(0, -1)], { layer: spec.blocks.length - 1 }),
      attention,
    ]
    const engine = await loadSpec(spec)
    const expected = plainEncode(model, image.data, height, width, outputs)
    const actual = await run(engine, spec, image, outputs)
    const alone = await Promise.all(outputs.map(async (output) => (await run(engine, spec, image, [output]))[0]!))
    expected.forEach((values, i) => {
      // A block's errors are those of its longest sum; they add up over blocks and reach a row of this norm.
      const terms = Math.max(spec.mlpWidth, 3 * spec.patchHeight * spec.patchWidth, spec.dim)
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const bound = 4 * (spec.blocks.length + 1) * reduction(terms, Math.max(largest, norm(values) / Math.sqrt(values.length)))
      expectWithin(actual[i]!, values, () => bound, `${name}, output ${i}`, 1)
      expect(Buffer.compare(Buffer.from(alone[i]!.buffer), Buffer.from(actual[i]!.buffer)), `output ${i} alone`).toBe(0)
    })
    engine.close()
  })
}

test('a picture is its normalised pixel values', async () => {
  const model = randomModel({ patch: [4, 6], grid: [3, 2] })
  const { spec } = model
  const picture = randomPicture(3, 12, 12)
  const planes = Float32Array.from({ length: 3 * 144 }, (_, i) => {
    const [c, pixel] = [Math.floor(i / 144), i % 144]
    return (picture.data[pixel * 3 + c]! * spec.rescale - spec.mean[c]!) / spec.std[c]!
  })
  const engine = await loadSpec(spec)
  const [actual] = await run(engine, spec, picture, [tokens])
  const [expected] = plainEncode(model, planes, 12, 12, [tokens])
  expectWithin(actual!, expected!, () => 8 * reduction(72, norm(planes) / 4), 'tokens of a picture')
  engine.close()
})

test('crop() gives what the encoder sees', async () => {
  const picture = randomPicture(4, 20, 30)
  const geometry = {
    ...picture.geometry,
    cropLeft: 7,
    cropTop: -2,
    cropWidth: 8,
    cropHeight: 6,
    pad: [1, 2, 3] as [number, number, number],
  }
  const sink = new Uint8Array(2 * 8 * 6 * 3)
  await native().crop({ ...picture, geometry }, sink, 1).promise
  expect([...sink.subarray(0, 144)].every((value) => value === 0)).toBe(true)
  expect([...sink.subarray(144, 150)]).toEqual([1, 2, 3, 1, 2, 3])
  expect([...sink.subarray(144 + 2 * 24, 144 + 3 * 24)]).toEqual([...picture.data.subarray(7 * 3, 15 * 3)])
})

test('NaN and infinity pass through', async () => {
  const { spec } = randomModel()
  const engine = await loadSpec(spec)
  const image = randomPixels(1, 12, 12)
  image.data[40] = Number.NaN
  const [values] = await run(engine, spec, image, [tokens])
  expect(values!.every(Number.isNaN)).toBe(true)
  engine.close()
})
