// The table of pools: which rows each reads, how large its result is, and what a checkpoint without it is told.
import { expect, test } from 'vitest'
import { availablePools, defaultPool, type PoolSource, poolBranches, poolDims, poolNames } from '../../lib/pooling'
import { expectCode } from './support'

const dim = 8
const source = (rest: Partial<PoolSource> & { prefix?: number[] }): PoolSource => ({
  file: 'model.safetensors',
  hasCls: true,
  shape: { dim, prefixRows: (rest.prefix ?? [1]).reduce((a, b) => a + b, 0), tokens: true, outs: [{ name: 'head', out: 5 }] },
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
  const dims = Object.fromEntries(poolNames.map((name) => [name, poolDims(poolBranches(name, model), model.shape, 21)]))
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

test('a graph: outputs that are a pool as they stand go first; what cannot be known is not given', async () => {
  const shape = { dim, prefixRows: undefined, tokens: true, outs: [{ name: 'mean', out: 6 }] }
  const graph = source({ hasCls: false, shape, ready: { mean: [{ terms: [], head: 0 }] }, because: 'it is a graph' })
  expect(availablePools(graph)).toEqual(['mean', 'tokens'])
  expect(poolDims(poolBranches('mean', graph), shape, undefined)).toEqual([6])
  expect(poolDims(poolBranches('tokens', graph), shape, undefined)).toBeUndefined()
  expect(poolDims(poolBranches('tokens', graph), { ...shape, dim: undefined }, 17)).toBeUndefined()
  await expectCode(() => poolBranches('cls', graph), 'ERR_POOL_UNAVAILABLE', 'it is a graph', "'mean', 'tokens'")
  const nothing = source({ hasCls: false, shape: { ...shape, tokens: false } })
  await expectCode(() => poolBranches('logits', nothing), 'ERR_POOL_UNAVAILABLE', 'it has none')
})
