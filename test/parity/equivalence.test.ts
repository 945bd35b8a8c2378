// The same model written in another way computes the same bits; heads are what their formulas say. On this machine's instruction set.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { load } from '../../lib/index'
import { checkpoint } from '../support/checkpoints'
import { fixture, readJson, temporaryFolder } from '../support/fixtures'
import { decode, type Entries, type Entry, encode, f32, values } from '../support/safetensors'
import { Random } from '../support/seed'

const read = (name: string) => ({
  entries: decode(join(fixture(name), 'model.safetensors')),
  config: readJson(join(fixture(name), 'config.json')),
  pixels: decode(join(fixture(name), 'golden.safetensors')).pixel_values!,
})
const noise = (shape: number[], seed: number): Entry => {
  return f32(
    shape,
    new Random(seed).floats(
      shape.reduce((a, b) => a * b, 1),
      0.2,
    ),
  )
}

type Pool = 'tokens' | 'cls' | 'mean' | 'pooled' | 'logits'
async function run(folder: string, pixels: Entry, pool: Pool[]): Promise<Float32Array[]> {
  const model = await load(folder)
  try {
    const features = await model.features({ type: 'float32', dims: pixels.shape, data: values(pixels) }, { pool })
    return features.map((tensor) => tensor.data)
  } finally {
    await model.close()
  }
}
const same = (a: Float32Array, b: Float32Array) => Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0

describe('the same bits', () => {
  const { entries, config, pixels } = read('hf-vit-activation-gelu-new')

  /** F32 → the nearest value with 7 bits of mantissa, as a 16-bit pattern. */
  const toBF16 = (value: number): number => {
    const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
    return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
  }
  /** Exact for what `float16able` makes: sign, 5 bits of exponent, 10 of mantissa. */
  const toF16 = (value: number): number => {
    const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
    const sign = (bits >>> 16) & 0x8000
    return value === 0 ? sign : sign | ((((bits >>> 23) & 0xff) - 112) << 10) | ((bits >>> 13) & 0x3ff)
  }
  const float16able = (value: number): number => {
    if (Math.abs(value) < 2 ** -13) return 0
    const bits = new Uint32Array(Float32Array.of(value).buffer)
    bits[0]! &= ~0x1fff
    return new Float32Array(bits.buffer)[0]!
  }
  const half = (dtype: string, shape: number[], patterns: number[]): Entry => ({
    dtype,
    shape,
    data: new Uint8Array(Uint16Array.from(patterns).buffer),
  })

  test.each([
    ['BF16', (value: number) => new Float32Array(Uint32Array.of(toBF16(value) << 16).buffer)[0]!, toBF16],
    ['F16', float16able, toF16],
  ] as const)('stored as F32 or as %s', async (dtype, round, pattern) => {
    const wide: Entries = {}
    const narrow: Entries = {}
    for (const [name, entry] of Object.entries(entries)) {
      const rounded = Array.from(values(entry), round)
      wide[name] = f32(entry.shape, rounded)
      narrow[name] = half(dtype, entry.shape, rounded.map(pattern))
    }
    const [a] = await run(checkpoint(wide, config), pixels, ['tokens'])
    const [b] = await run(checkpoint(narrow, config), pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('one file or shards, tensors of a layer in different ones', async () => {
    const folder = temporaryFolder({ 'config.json': JSON.stringify(config) })
    const shards: Entries[] = [{}, {}, {}]
    const weightMap: Record<string, string> = {}
    for (const [i, [name, entry]] of Object.entries(entries).entries()) {
      shards[i % 3]![name] = entry
      weightMap[name] = `model-${i % 3}.safetensors`
    }
    for (const [i, shard] of shards.entries()) writeFileSync(join(folder, `model-${i}.safetensors`), encode(shard))
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))
    const [a] = await run(checkpoint(entries, config), pixels, ['tokens'])
    const [b] = await run(folder, pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('a folder, or the file in it', async () => {
    const folder = checkpoint(entries, config)
    const [a] = await run(folder, pixels, ['tokens'])
    const [b] = await run(join(folder, 'model.safetensors'), pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('values that begin at any byte of the file', async () => {
    const [a] = await run(checkpoint(entries, config), pixels, ['tokens'])
    const odd = { skew: { dtype: 'U8', shape: [1], data: new Uint8Array(1) }, ...entries }
    const named = Object.fromEntries(Object.entries(odd).map(([name, entry]) => [name === 'skew' ? 'embeddings.mask_token' : name, entry]))
    const [b] = await run(checkpoint(named, config), pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('query, key and value without biases, or with zeros', async () => {
    const biased = /attention\.(query|key|value)\.bias$/
    const zeros = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, biased.test(name) ? f32(entry.shape) : entry]))
    const none = Object.fromEntries(Object.entries(entries).filter(([name]) => !biased.test(name)))
    const [a] = await run(checkpoint(zeros, config), pixels, ['tokens'])
    const [b] = await run(checkpoint(none, { ...config, qkv_bias: false }), pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('gate and value in two tensors, or in one', async () => {
    const gated = read('hf-dinov2-swiglu-names-v5')
    const fused: Entries = {}
    for (const [name, entry] of Object.entries(gated.entries)) {
      const match = /^(.*\.mlp\.)(gate_proj|up_proj|down_proj)(\.weight|\.bias)$/.exec(name)
      if (!match) fused[name] = entry
      else if (match[2] === 'down_proj') fused[`${match[1]}weights_out${match[3]}`] = entry
      else if (match[2] === 'gate_proj') {
        const up = gated.entries[`${match[1]}up_proj${match[3]}`]!
        const shape = [entry.shape[0]! * 2, ...entry.shape.slice(1)]
        fused[`${match[1]}weights_in${match[3]}`] = { dtype: 'F32', shape, data: Buffer.concat([entry.data, up.data]) }
      }
    }
    const [a] = await run(checkpoint(gated.entries, gated.config), gated.pixels, ['tokens'])
    const [b] = await run(checkpoint(fused, gated.config), gated.pixels, ['tokens'])
    expect(same(a!, b!)).toBe(true)
  })

  test('transformers 4 names or those of 5', async () => {
    const v5 = read('hf-vit-names-v5')
    const renamed = Object.entries(v5.entries).map(([name, entry]) => [
      name
        .replace('.layers.', '.encoder.layer.')
        .replace('.q_proj.', '.attention.query.')
        .replace('.k_proj.', '.attention.key.')
        .replace('.v_proj.', '.attention.value.')
        .replace('.o_proj.', '.output.dense.')
        .replace('.mlp.fc1.', '.intermediate.dense.')
        .replace('.mlp.fc2.', '.output.dense.'),
      entry,
    ])
    const [a, logits] = await run(checkpoint(v5.entries, v5.config), v5.pixels, ['tokens', 'logits'])
    const [b, others] = await run(checkpoint(Object.fromEntries(renamed) as Entries, v5.config), v5.pixels, ['tokens', 'logits'])
    expect(same(a!, b!) && same(logits!, others!)).toBe(true)
  })
})

describe('heads are what they say', () => {
  /** activation(W·x + b) for every row x of `rows`, in double. */
  const apply = (entries: Entries, name: string, rows: Float32Array, activation = (x: number) => x): number[] => {
    const weight = values(entries[`${name}.weight`]!)
    const bias = entries[`${name}.bias`] && values(entries[`${name}.bias`]!)
    const [out, width] = entries[`${name}.weight`]!.shape as [number, number]
    return Array.from({ length: (rows.length / width) * out }, (_, i) => {
      const [row, o] = [Math.floor(i / out), i % out]
      let sum = bias?.[o] ?? 0
      for (let k = 0; k < width; k++) sum += rows[row * width + k]! * weight[o * width + k]!
      return activation(sum)
    })
  }
  const close = (found: Float32Array, expected: number[]) => {
    expect(found.length).toBe(expected.length)
    const largest = Math.max(...expected.map(Math.abs))
    expect(Math.max(...expected.map((value, i) => Math.abs(value - found[i]!))) / largest).toBeLessThan(1e-5)
  }
  /** Row r of every image's tokens [B, T, D]. */
  const tokenRow = (tokens: Float32Array, batch: number, dim: number, row: number) =>
    Float32Array.from(
      { length: batch * dim },
      (_, i) => tokens[(Math.floor(i / dim) * (tokens.length / batch / dim) + row) * dim + (i % dim)]!,
    )

  test('a pooler of another width', async () => {
    const { entries, config, pixels } = read('hf-vit-activation-gelu-new')
    Object.assign(entries, { 'pooler.dense.weight': noise([20, 32], 1), 'pooler.dense.bias': noise([20], 2) })
    const folder = checkpoint(entries, { ...config, pooler_output_size: 20, pooler_act: 'relu' })
    const [cls, pooled] = await run(folder, pixels, ['cls', 'pooled'])
    close(
      pooled!,
      apply(entries, 'pooler.dense', cls!, (x) => Math.max(x, 0)),
    )
  })

  test("DeiT's two classifiers, averaged", async () => {
    const { entries, config, pixels } = read('hf-deit')
    const heads = ['cls_classifier', 'distillation_classifier']
    for (const [i, head] of heads.entries()) {
      Object.assign(entries, { [`${head}.weight`]: noise([7, 48], 3 + i), [`${head}.bias`]: noise([7], 5 + i) })
    }
    const [tokens, logits] = await run(checkpoint(entries, config), pixels, ['tokens', 'logits'])
    const [a, b] = heads.map((head, row) => apply(entries, head, tokenRow(tokens!, 2, 48, row)))
    close(
      logits!,
      a!.map((value, i) => (value + b![i]!) / 2),
    )
  })

  test("DINOv2's classifier reads CLS and the mean of the patches, registers left out", async () => {
    const { entries, config, pixels } = read('hf-dinov2-registers-larger-input')
    Object.assign(entries, { 'classifier.weight': noise([6, 128], 7), 'classifier.bias': noise([6], 8) })
    const [cls, mean, logits] = await run(checkpoint(entries, config), pixels, ['cls', 'mean', 'logits'])
    const both = Float32Array.from(
      { length: 2 * cls!.length },
      (_, i) => (i % 128 < 64 ? cls! : mean!)[Math.floor(i / 128) * 64 + (i % 64)]!,
    )
    close(logits!, apply(entries, 'classifier', both))
  })
})

test('a folder whose name is odd', async () => {
  const { entries, config, pixels } = read('hf-vit-activation-gelu-new')
  const folder = join(temporaryFolder(), 'ünïcode 空 [a] #%')
  mkdirSync(folder)
  writeFileSync(join(folder, 'model.safetensors'), encode(entries))
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const [cls] = await run(folder, pixels, ['cls'])
  expect(cls).toHaveLength(64)
})
