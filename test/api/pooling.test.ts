// The table of pools: which rows each reads, how large its result is, and what a checkpoint without it is told.
import { expect, test } from 'vitest'
import { availablePools, defaultPool, type PoolSource, poolBranches, poolDims, poolNames } from '../../lib/pooling'
import type { EncoderSpec } from '../../lib/spec'
import { expectCode } from './support'

const dim = 8
const token = (rows: number) => ({ value: [], rows, position: true })
const source = (rest: Partial<PoolSource> & { prefix?: number[] }): PoolSource => ({
  file: 'model.safetensors',
  hasCls: true,
  spec: { dim, prefix: (rest.prefix ?? [1]).map(token), headsOut: [{ out: 5 }] } as unknown as EncoderSpec,
  ...rest,
})
const head = [{ terms: [{ row: 0, count: 1, mean: false, afterNorm: true }], head: 0 }]

test('terms by name, with CLS and four registers', () => {
  const model = source({ prefix: [1, 4] })
  const patches = { row: 5, count: -1, mean: true, afterNorm: true }
  const cls = { row: 0, count: 1, mean: false, afterNorm: true }
  expect(poolBranches('cls', model)).toEqual([{ terms: [cls], head: -1 }])
  expect(poolBranches('mean', model)).toEqual([{ terms: [patches], head: -1 }])
  expect(poolBranches('cls+mean', model)).toEqual([{ terms: [cls, patches], head: -1 }])
  expect(poolBranches('tokens', model)).toEqual([{ terms: [{ row: 0, count: -1, mean: false, afterNorm: true }], head: -1 }])
})

test('dims of one image, 21 tokens', () => {
  const model = source({ pooled: head, logits: head })
  const dims = Object.fromEntries(poolNames.map((name) => [name, poolDims(poolBranches(name, model), model.spec, 21)]))
  expect(dims).toEqual({ cls: [8], mean: [8], 'cls+mean': [16], tokens: [21, 8], pooled: [5], logits: [5] })
})

test('the default is cls, else pooled, else mean', () => {
  expect(defaultPool(source({ pooled: head }))).toBe('cls')
  expect(defaultPool(source({ hasCls: false, prefix: [], pooled: head }))).toBe('pooled')
  expect(defaultPool(source({ hasCls: false, prefix: [] }))).toBe('mean')
})

test('a pool that is not there names those that are', async () => {
  const bare = source({ hasCls: false, prefix: [] })
  expect(availablePools(bare)).toEqual(['mean', 'tokens'])
  for (const name of ['cls', 'cls+mean', 'pooled', 'logits'] as const) {
    await expectCode(() => poolBranches(name, bare), 'ERR_POOL_UNAVAILABLE', `'${name}'`, 'model.safetensors', "'mean', 'tokens'")
  }
})
