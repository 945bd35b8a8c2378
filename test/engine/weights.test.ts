// Weight files: exact widening, sharing, and every way in which a file can be wrong or become wrong.
import { appendFileSync, copyFileSync, mkdirSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { VitrineError } from '../../lib/errors'
import { native } from '../../lib/native'
import type { DType, EncoderSpec, Tensor } from '../../lib/spec'
import { temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { randomModel } from './random-model'
import { loadSpec, randomPixels, run, tokens, translated } from './support'

afterEach(() => expect(native().counters()).toMatchObject({ models: 0, weightBytes: 0 }))

/** All 65536 values of a 16-bit type through the engine: prefix tokens reach the result untouched. */
async function widened(dtype: DType): Promise<Float32Array> {
  const { spec } = randomModel({ dim: 256, heads: 1, patch: [1, 1], grid: undefined, blocks: 0, finalNorm: false, prefix: [] })
  const path = join(temporaryFolder(), 'halves.bin')
  writeFileSync(path, new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer))
  spec.files.push(path)
  spec.prefix.push({ value: [{ file: 1, offset: 0, shape: [256, 256], dtype, name: 'halves' }], rows: 256, position: false })
  const engine = await loadSpec(spec)
  const [values] = await run(engine, spec, randomPixels(1, 1, 1), [tokens])
  engine.close()
  return values!.subarray(0, 65536)
}

test('every float16', async () => {
  const actual = await widened('f16')
  for (let bits = 0; bits < 65536; bits++) {
    const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
    const expected =
      exponent === 31
        ? fraction
          ? Number.NaN
          : sign * Number.POSITIVE_INFINITY
        : sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
    if (!Object.is(actual[bits], expected)) throw new Error(`float16 0x${bits.toString(16)} became ${actual[bits]}, expected ${expected}`)
  }
})

test('every bfloat16', async () => {
  const actual = await widened('bf16')
  const expected = new Float32Array(Uint32Array.from({ length: 65536 }, (_, i) => i << 16).buffer)
  for (let bits = 0; bits < 65536; bits++) {
    if (!Object.is(actual[bits], expected[bits])) throw new Error(`bfloat16 0x${bits.toString(16)} became ${actual[bits]}`)
  }
})

test('loads of one file share one copy, freed with the last', async () => {
  const { spec } = randomModel({ dim: 64, heads: 2 })
  const jobs = Array.from({ length: 6 }, () => native().loadModel(spec, { threads: 1 }))
  const models = await Promise.all(jobs.map((job) => job.promise))
  const { weightBytes } = models[0]!
  expect(native().counters()).toMatchObject({ models: 6, weightBytes })
  for (const model of models.slice(1)) model.close()
  expect(native().counters()).toMatchObject({ models: 1, weightBytes })
  models.push(await loadSpec(structuredClone(spec)))
  expect(native().counters()).toMatchObject({ models: 2, weightBytes })
  for (const model of models) model.close()
})

test('another normalisation or another file is another copy', async () => {
  const { spec, path } = randomModel({ dim: 64, heads: 2 })
  const copy = `${path}.copy`
  copyFileSync(path, copy)
  const models = await Promise.all(
    [spec, { ...spec, rescale: 1 / 127 }, { ...spec, files: [copy] }].map((variant) => native().loadModel(variant, { threads: 1 }).promise),
  )
  expect(native().counters().weightBytes).toBe(3 * models[0]!.weightBytes)
  for (const model of models) model.close()
})

test('a cancelled load leaves those that joined it alone', async () => {
  // Large enough that no load ends before the cancels, a few lines on, however busy the machine is.
  const { spec } = randomModel({ dim: 384, heads: 6, mlpWidth: 1536, blocks: 12 })
  const jobs = Array.from({ length: 4 }, () => native().loadModel(spec, { threads: 1 }))
  jobs[0]!.cancel()
  jobs[2]!.cancel()
  jobs[2]!.cancel()
  await rejects(
    translated(() => jobs[0]!.promise),
    'ERR_ABORTED',
  )
  await rejects(
    translated(() => jobs[2]!.promise),
    'ERR_ABORTED',
  )
  const models = await Promise.all([jobs[1]!.promise, jobs[3]!.promise])
  for (const model of models) model.close()
  jobs[1]!.cancel()
})

test('progress ends at its total', async () => {
  const { spec } = randomModel({ dim: 64, heads: 2 })
  const job = native().loadModel(spec, { threads: 1 })
  const model = await job.promise
  const { loaded, total } = job.progress()
  expect(loaded).toBe(total)
  expect(total).toBeGreaterThan(0)
  expect(total).toBeLessThanOrEqual(model.weightBytes)
  model.close()
})

// --- files that are wrong ---

const stampOf = (path: string) => {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true })
  return { ino, size, mtimeNs }
}

test('no file, a folder, a pipe that nobody writes', async () => {
  const { spec } = randomModel()
  const folder = temporaryFolder()
  await rejects(loadSpec({ ...spec, files: [join(folder, 'gone.bin')] }), 'ERR_CHECKPOINT_NOT_FOUND', 'gone.bin')
  mkdirSync(join(folder, 'folder.bin'))
  await rejects(loadSpec({ ...spec, files: [join(folder, 'folder.bin')] }), 'ERR_CHECKPOINT_INVALID', 'folder.bin')
})

test('a truncated file', async () => {
  const { spec, path } = randomModel()
  truncateSync(path, statSync(path).size - 1)
  await rejects(loadSpec(spec), 'ERR_CHECKPOINT_TRUNCATED', 'weights.bin', /tensor .* needs \d+ bytes/)
  truncateSync(path, 0)
  await rejects(loadSpec(spec), 'ERR_CHECKPOINT_TRUNCATED', 'weights.bin')
})

test('a file that is not the one whose header was read', async () => {
  const { spec, path } = randomModel()
  const stamped = { ...spec, stamps: [stampOf(path)] }
  ;(await loadSpec(stamped)).close()
  utimesSync(path, 1, 1)
  await rejects(loadSpec(stamped), 'ERR_CHECKPOINT_CHANGED', 'weights.bin')
  const replaced = { ...spec, stamps: [stampOf(path)] }
  copyFileSync(path, `${path}.new`)
  utimesSync(`${path}.new`, 1, 1)
  renameSync(`${path}.new`, path)
  await rejects(loadSpec(replaced), 'ERR_CHECKPOINT_CHANGED', 'weights.bin')
  const shorter = { ...spec, stamps: [stampOf(path)] }
  truncateSync(path, 100)
  await rejects(loadSpec(shorter), 'ERR_CHECKPOINT_TRUNCATED', 'weights.bin')
})

/** A model whose packing takes some tenths of a second: one block's bytes, many times. */
function large() {
  const { spec, path } = randomModel({ dim: 384, heads: 6, mlpWidth: 1536, blocks: 1 })
  return { spec: { ...spec, blocks: Array.from({ length: 40 }, () => spec.blocks[0]!) }, path }
}
const disturbances: Record<string, (path: string) => void> = {
  'cut short': (path) => truncateSync(path, 1000),
  'written to': (path) => appendFileSync(path, 'x'),
  deleted: (path) => rmSync(path),
}
for (const [what, disturb] of Object.entries(disturbances)) {
  test(`a file ${what} while it is read`, async () => {
    // On a busy machine this thread may sleep until the load is over: that attempt proves nothing, the next one may.
    for (let attempt = 0; ; attempt++) {
      const { spec, path } = large()
      const job = native().loadModel(spec, { threads: 1 })
      while (job.progress().loaded === 0);
      disturb(path)
      const outcome = await translated(() => job.promise).catch((error: unknown) => error as VitrineError)
      if (!(outcome instanceof Error)) {
        outcome.close()
        expect(attempt).toBeLessThan(50)
        continue
      }
      expect(outcome.code).toMatch(/^ERR_CHECKPOINT_(TRUNCATED|CHANGED)$/)
      expect(outcome.message).toContain('weights.bin')
      return
    }
  })
}

// --- specs that are wrong ---

type Part = { file: number; offset: number; shape: number[] }
const part = (tensor: Tensor): Part => tensor[0] as unknown as Part
const wrong: Record<string, { code: Parameters<typeof rejects>[1]; spoil: (spec: EncoderSpec) => void }> = {
  'offset beyond the file': {
    code: 'ERR_CHECKPOINT_TRUNCATED',
    spoil: (spec) => Object.assign(part(spec.patch.weight), { offset: 2 ** 53 - 1 }),
  },
  'shape whose product overflows': {
    code: 'ERR_CHECKPOINT_INVALID',
    spoil: (spec) => Object.assign(part(spec.patch.weight), { shape: [2 ** 40, 2 ** 40, 2 ** 40] }),
  },
  'shape of another size': {
    code: 'ERR_TENSOR_SHAPE',
    spoil: (spec) => Object.assign(part(spec.blocks[0]!.fc1.weight), { shape: [3, 3] }),
  },
  'no such file index': { code: 'ERR_CHECKPOINT_INVALID', spoil: (spec) => Object.assign(part(spec.patch.weight), { file: 7 }) },
  'negative offset': { code: 'ERR_INTERNAL', spoil: (spec) => Object.assign(part(spec.patch.weight), { offset: -4 }) },
  'position table of another grid': { code: 'ERR_TENSOR_SHAPE', spoil: (spec) => Object.assign(spec.position!, { gridHeight: 100 }) },
  'dim 0': { code: 'ERR_CHECKPOINT_UNSUPPORTED', spoil: (spec) => Object.assign(spec, { dim: 0 }) },
  'dim beyond all reason': { code: 'ERR_CHECKPOINT_UNSUPPORTED', spoil: (spec) => Object.assign(spec, { dim: 2 ** 30 }) },
  'fractional heads': { code: 'ERR_INTERNAL', spoil: (spec) => Object.assign(spec, { heads: 1.5 }) },
  'std 0': { code: 'ERR_CHECKPOINT_UNSUPPORTED', spoil: (spec) => Object.assign(spec, { std: [1, 0, 1] }) },
  'rescale NaN': { code: 'ERR_CHECKPOINT_UNSUPPORTED', spoil: (spec) => Object.assign(spec, { rescale: Number.NaN }) },
  'weight left out': { code: 'ERR_CHECKPOINT_UNSUPPORTED', spoil: (spec) => Object.assign(spec.blocks[1]!.qkv, { weight: [] }) },
  'unknown activation': { code: 'ERR_INTERNAL', spoil: (spec) => Object.assign(spec, { activation: 'mish' }) },
}
for (const [what, { code, spoil }] of Object.entries(wrong)) {
  test(`spec: ${what}`, async () => {
    const spec = structuredClone(randomModel().spec)
    spoil(spec)
    await rejects(loadSpec(spec), code)
  })
}
