// The packed cache on disk: a hit has the bits of a load without it; whatever is wrong with an entry or its folder, the weights are right.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type NativeDType, type NativeModel, native } from '../../lib/native'
import type { EncoderSpec } from '../../lib/spec'
import { temporaryFolder } from '../support/fixtures'
import { expectSameBits } from '../support/tolerance'
import { type ModelOptions, randomModel } from './random-model'
import { dtypes, loadSpec, pooled, randomPicture, randomPixels, run, term, tokens, until } from './support'

const limitBytes = 2 ** 30
const day = 24 * 3600
const idle = () => until(() => native().counters().cacheWriting === 0)
const now = () => Date.now() / 1000

let folder: string
beforeEach(() => {
  folder = join(temporaryFolder(), 'caches', 'packed')
})
afterEach(async () => {
  await idle()
  expect(native().counters()).toMatchObject({ models: 0, weightBytes: 0 })
})

/** A model whose file is old enough to be kept. */
function agedModel(options: ModelOptions = {}) {
  const model = randomModel({ dim: 48, heads: 2, mlpWidth: 96, heads_out: [{ in: 48, out: 10, activation: 'tanh' }], ...options })
  utimesSync(model.path, now() - 60, now() - 60)
  return model
}

const open = (spec: EncoderSpec, dtype: NativeDType = 'fp32', limit = limitBytes, at = folder): Promise<NativeModel> =>
  native().loadModel(spec, { threads: 2, dtype, packedCache: { folder: at, limitBytes: limit } }).promise

/** Everything that packed weights show in. */
async function outputs(model: NativeModel, spec: EncoderSpec): Promise<Float32Array[]> {
  const wanted = [tokens, pooled([term(0, 1)], { head: spec.headsOut.length - 1 })]
  const images = [randomPixels(5, 12, 12), randomPicture(6, 12, 12), randomPicture(7, 8, 16)]
  return (await Promise.all(images.map((image) => run(model, spec, image, wanted)))).flat()
}

async function expectOutputs(model: NativeModel, spec: EncoderSpec, expected: Float32Array[]): Promise<void> {
  const found = await outputs(model, spec)
  for (const [i, values] of found.entries()) expectSameBits(values, expected[i]!, `output ${i}, ${model.packedCache}`)
}

async function plain(spec: EncoderSpec, dtype: NativeDType = 'fp32'): Promise<Float32Array[]> {
  const model = await loadSpec(spec, 1, dtype)
  expect(model.packedCache).toBe('off')
  const values = await outputs(model, spec)
  model.close()
  return values
}

/** Loads, compares, closes and waits for the entry; what the load said. */
async function visit(spec: EncoderSpec, expected: Float32Array[], dtype: NativeDType = 'fp32', limit = limitBytes, at = folder) {
  const model = await open(spec, dtype, limit, at)
  await expectOutputs(model, spec, expected)
  model.close()
  await idle()
  return { state: model.packedCache, note: model.packedCacheNote }
}

const entries = () => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])
function entry(): string {
  const [path, ...others] = entries()
  expect(others).toEqual([])
  expect(path).toMatch(/[0-9a-f]{32}\.packed$/)
  return path!
}

const variants: [string, ModelOptions][] = [
  ['plain', {}],
  [
    'every part',
    {
      preNorm: true,
      layerScale: true,
      glu: true,
      qkvBias: 'no-key',
      prefix: [
        { rows: 1, position: true },
        { rows: 3, position: false },
      ],
      dtype: 'bf16',
    },
  ],
  ['no positions', { grid: undefined, qkvBias: 'none', patchBias: false, finalNorm: false }],
]
describe.each(variants)('%s', (_, options) => {
  test.each(dtypes)('%s: a hit has the bits of a load without the cache', async (dtype) => {
    const { spec } = agedModel(options)
    const expected = await plain(spec, dtype)
    expect(await visit(spec, expected, dtype)).toEqual({ state: 'miss' })
    const { size } = statSync(entry())
    expect(await visit(spec, expected, dtype)).toEqual({ state: 'hit' })
    expect(statSync(entry()).size).toBe(size)
  })
})

test('loads while a model is open share its weights', async () => {
  const { spec } = agedModel()
  const models = await Promise.all([open(spec), open(spec), open(spec)])
  expect(models.map((model) => model.packedCache).sort()).toEqual(['miss', 'shared', 'shared'])
  for (const model of models) model.close()
})

test('another dtype, another normalisation, another shape of the same bytes: other entries', async () => {
  const { spec } = agedModel()
  const others: [EncoderSpec, NativeDType][] = [
    [spec, 'fp32'],
    [spec, 'bf16'],
    [spec, 'int8'],
    [{ ...spec, mean: [0.5, 0.5, 0.5] }, 'fp32'],
    [{ ...spec, std: [0.5, 0.5, 0.5] }, 'fp32'],
    [{ ...spec, rescale: 1 / 127 }, 'fp32'],
    [{ ...spec, eps: 1e-3 }, 'fp32'],
    [{ ...spec, blocks: spec.blocks.slice(0, 1) }, 'fp32'],
    [{ ...spec, blocks: spec.blocks.slice().reverse() }, 'fp32'],
    [{ ...spec, heads: 4, headDim: 12 }, 'fp32'],
  ]
  for (const pass of ['miss', 'hit']) {
    for (const [other, dtype] of others) expect(await visit(other, await plain(other, dtype), dtype)).toEqual({ state: pass })
  }
  expect(entries()).toHaveLength(others.length)
})

describe('an entry that is not what was written', () => {
  const rebuilt = { state: 'rebuilt', note: expect.stringContaining('.packed: ') }

  test.each(dtypes)('%s: one bit, in the header and anywhere in the weights', async (dtype) => {
    const { spec } = agedModel()
    const expected = await plain(spec, dtype)
    await visit(spec, expected, dtype)
    const whole = readFileSync(entry())
    const header = [0, 7, 8, 16, 24, 32, 39, 40, 41, 60, 100, 1000, 4095]
    const weights = Array.from({ length: 16 }, (_, i) => 4096 + Math.floor(((whole.length - 4097) * i) / 15))
    for (const at of [...header, ...weights]) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 1 << (at % 8)
      writeFileSync(entry(), damaged)
      expect(await visit(spec, expected, dtype), `byte ${at}`).toEqual(rebuilt)
      expect(readFileSync(entry()).equals(whole), `byte ${at}`).toBe(true)
    }
    expect(await visit(spec, expected, dtype)).toEqual({ state: 'hit' })
  })

  test('two words that change places, two that change by the same', async () => {
    const { spec } = agedModel()
    const expected = await plain(spec)
    await visit(spec, expected)
    const whole = readFileSync(entry())
    const swap = (damaged: Buffer, a: number, b: number) => {
      whole.copy(damaged, a, b, b + 8)
      whole.copy(damaged, b, a, a + 8)
    }
    const changes: ((damaged: Buffer) => void)[] = [
      (damaged) => swap(damaged, 8192, 8200),
      (damaged) => swap(damaged, 8192, 8192 + 64),
      (damaged) => [8199, 8199 + 64].map((at) => (damaged[at]! ^= 0x80)),
    ]
    for (const change of changes) {
      const damaged = Buffer.from(whole)
      change(damaged)
      expect(damaged.equals(whole)).toBe(false)
      writeFileSync(entry(), damaged)
      expect(await visit(spec, expected)).toEqual(rebuilt)
    }
  })

  test('too short, too long, empty, no file', async () => {
    const { spec } = agedModel()
    const expected = await plain(spec)
    await visit(spec, expected)
    const { size } = statSync(entry())
    for (const length of [0, 1, 39, 40, 4095, 4096, 5000, size - 1]) {
      truncateSync(entry(), length)
      expect(await visit(spec, expected), `${length} bytes`).toEqual(rebuilt)
      expect(statSync(entry()).size).toBe(size)
    }
    appendFileSync(entry(), 'x')
    expect(await visit(spec, expected)).toEqual(rebuilt)
    const path = entry()
    rmSync(path)
    mkdirSync(path)
    expect(await visit(spec, expected)).toMatchObject({ state: 'rebuilt' })
    rmSync(path, { recursive: true })
    expect(await visit(spec, expected)).toEqual({ state: 'miss' })
    expect(await visit(spec, expected)).toEqual({ state: 'hit' })
  })

  test('the entry of another model under its name', async () => {
    const [one, two] = [agedModel({ seed: 1 }), agedModel({ seed: 2 })]
    const [first, second] = [await plain(one.spec), await plain(two.spec)]
    await visit(one.spec, first)
    const path = entry()
    await visit(two.spec, second)
    const other = entries().find((name) => name !== path)!
    renameSync(other, path)
    expect(await visit(one.spec, first)).toEqual(rebuilt)
    expect(await visit(one.spec, first)).toEqual({ state: 'hit' })
  })

  test('cut off, overwritten or removed while a model that came from it is open', async () => {
    const { spec } = agedModel()
    const expected = await plain(spec)
    await visit(spec, expected)
    const model = await open(spec)
    expect(model.packedCache).toBe('hit')
    writeFileSync(entry(), 'gone')
    await expectOutputs(model, spec, expected)
    rmSync(entry())
    await expectOutputs(model, spec, expected)
    model.close()
  })
})

describe('a weight file that is another one', () => {
  const variant = (seed: number) => agedModel({ seed })

  test('changed, with another time', async () => {
    const [one, two] = [variant(1), variant(2)]
    await visit(one.spec, await plain(one.spec))
    copyFileSync(two.path, one.path)
    utimesSync(one.path, now() - 30, now() - 30)
    expect(await visit(one.spec, await plain(two.spec))).toEqual({ state: 'miss' })
  })

  test('changed in place, with the time and the size that it had', async () => {
    const [one, two] = [variant(1), variant(2)]
    await visit(one.spec, await plain(one.spec))
    const { mtimeMs } = statSync(one.path)
    copyFileSync(two.path, one.path)
    utimesSync(one.path, mtimeMs / 1000, mtimeMs / 1000)
    expect(await visit(one.spec, await plain(two.spec))).toEqual({ state: 'miss' })
  })

  test('the same bytes elsewhere; the same file by a link', async () => {
    const { spec, path } = variant(1)
    const expected = await plain(spec)
    await visit(spec, expected)
    const copy = join(temporaryFolder(), 'copy.bin')
    copyFileSync(path, copy)
    utimesSync(copy, now() - 60, now() - 60)
    expect(await visit({ ...spec, files: [copy] }, expected)).toEqual({ state: 'miss' })
    expect(await visit({ ...spec, files: [join(path, '..', '.', path.split('/').at(-1)!)] }, expected)).toEqual({ state: 'hit' })
  })

  test('modified a moment ago: not kept, since a second change might leave the same time', async () => {
    const { spec, path } = variant(1)
    utimesSync(path, now(), now())
    expect(await visit(spec, await plain(spec))).toEqual({ state: 'unwritable', note: expect.stringContaining('two seconds') })
    expect(entries()).toEqual([])
  })
})

describe('a folder that cannot be written', () => {
  test('below a file', async () => {
    const { spec } = agedModel()
    const file = join(temporaryFolder({ file: '' }), 'file')
    const said = await visit(spec, await plain(spec), 'fp32', limitBytes, join(file, 'packed'))
    expect(said).toEqual({ state: 'unwritable', note: expect.stringContaining('Not a directory') })
  })

  test.skipIf(process.getuid?.() === 0)('read-only: what is there still serves', async () => {
    const [one, two] = [agedModel({ seed: 1 }), agedModel({ seed: 2 })]
    await visit(one.spec, await plain(one.spec))
    chmodSync(folder, 0o500)
    expect(await visit(one.spec, await plain(one.spec))).toEqual({ state: 'hit' })
    expect(await visit(two.spec, await plain(two.spec))).toMatchObject({ state: 'unwritable' })
    chmodSync(folder, 0o700)
  })

  test('smaller than the entry', async () => {
    const { spec } = agedModel()
    expect(await visit(spec, await plain(spec), 'fp32', 1000)).toEqual({ state: 'unwritable', note: expect.stringContaining('1000 bytes') })
    expect(entries()).toEqual([])
  })
})

describe('the size of the folder', () => {
  test('entries not used for longest go first', async () => {
    const models = [1, 2, 3].map((seed) => agedModel({ seed }))
    const paths: string[] = []
    for (const [i, { spec }] of models.slice(0, 2).entries()) {
      await visit(spec, await plain(spec))
      paths.push(entries().find((path) => !paths.includes(path))!)
      utimesSync(paths[i]!, now() - 100 + i, now() - 100 + i)
    }
    const { size } = statSync(paths[0]!)
    expect(await visit(models[0]!.spec, await plain(models[0]!.spec))).toEqual({ state: 'hit' }) // used now
    await visit(models[2]!.spec, await plain(models[2]!.spec), 'fp32', Math.floor(2.5 * size))
    expect(existsSync(paths[0]!)).toBe(true)
    expect(existsSync(paths[1]!)).toBe(false)
    expect(entries()).toHaveLength(2)
  })

  test('entries of models that are gone or changed go after a day; other files stay', async () => {
    const [gone, changed, kept, fresh, last] = [1, 2, 3, 4, 5].map((seed) => agedModel({ seed }))
    const paths = new Map<unknown, string>()
    for (const model of [gone, changed, kept, fresh]) {
      await visit(model!.spec, await plain(model!.spec))
      paths.set(model, entries().find((path) => ![...paths.values()].includes(path))!)
    }
    for (const model of [gone, changed, kept]) utimesSync(paths.get(model)!, now() - 2 * day, now() - 2 * day)
    rmSync(gone!.path)
    rmSync(fresh!.path)
    utimesSync(changed!.path, now() - 30, now() - 30)
    writeFileSync(join(folder, 'other'), 'of somebody else')
    utimesSync(join(folder, 'other'), now() - 2 * day, now() - 2 * day)
    await visit(last!.spec, await plain(last!.spec))
    const there = (model: unknown) => existsSync(paths.get(model)!)
    expect({ gone: there(gone), changed: there(changed), kept: there(kept), fresh: there(fresh) }).toEqual({
      gone: false,
      changed: false,
      kept: true,
      fresh: true,
    })
    expect(existsSync(join(folder, 'other'))).toBe(true)
  })

  test('what a process left half written is removed', async () => {
    const [one, two] = [agedModel({ seed: 1 }), agedModel({ seed: 2 })]
    await visit(one.spec, await plain(one.spec))
    const left = `${entry()}.1-0.tmp`
    writeFileSync(left, 'half')
    await visit(two.spec, await plain(two.spec))
    expect(existsSync(left)).toBe(false)
    expect(entries()).toHaveLength(2)
  })
})
