// The stream's machinery on plain numbers: order, the bound, a slow consumer, early ends, errors of the source.
import { expect, test } from 'vitest'
import { inOrder } from '../../lib/stream'
import { tick } from './support'

const double = async (n: number) => {
  await tick(n % 3)
  return 2 * n
}
const collect = async <T>(items: AsyncIterable<T>) => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('results come in order, from arrays, generators and async generators', async () => {
  const numbers = Array.from({ length: 50 }, (_, i) => i)
  async function* slowly() {
    for (const n of numbers) {
      if (n % 7 === 0) await tick(1)
      yield n
    }
  }
  const expected = numbers.map((n) => 2 * n)
  expect(await collect(inOrder(numbers, 8, undefined, double))).toEqual(expected)
  expect(await collect(inOrder(new Set(numbers), 1, undefined, double))).toEqual(expected)
  expect(await collect(inOrder(slowly(), 8, undefined, double))).toEqual(expected)
  expect(await collect(inOrder([], 8, undefined, double))).toEqual([])
})

test('at most `limit` are begun and not handed over, and a slow consumer stops the producer', async () => {
  let pulled = 0
  function* numbers() {
    for (;;) yield pulled++
  }
  let handed = 0
  for await (const _ of inOrder(numbers(), 4, undefined, double)) {
    handed++
    await tick(2)
    expect(pulled - handed).toBeLessThanOrEqual(4)
    if (handed === 3) {
      await tick(30)
      expect(pulled).toBeLessThanOrEqual(7)
    }
    if (handed === 20) break
  }
})

test('a slow producer does not hold up results that are there', async () => {
  let release = () => {}
  async function* numbers() {
    yield 1
    await new Promise<void>((resolve) => {
      release = resolve
    })
    yield 2
  }
  const results = inOrder(numbers(), 4, undefined, double)
  expect((await results.next()).value).toBe(2)
  release()
  expect((await results.next()).value).toBe(4)
  expect((await results.next()).done).toBe(true)
})

test('returning early cancels what runs and closes the source', async () => {
  let closed = false
  function* numbers() {
    try {
      for (let n = 0; ; n++) yield n
    } finally {
      closed = true
    }
  }
  let cancelled = 0
  const work = (n: number, _: number, cancellation: { onCancel(listener: () => void): void }) =>
    n === 0 ? Promise.resolve(n) : new Promise<number>(() => cancellation.onCancel(() => cancelled++))
  for await (const _ of inOrder(numbers(), 4, undefined, work)) break
  expect(closed).toBe(true)
  expect(cancelled).toBeGreaterThan(0)
})

test('returning early does not wait for a source that never gives another item', async () => {
  async function* numbers() {
    yield 1
    await new Promise(() => {})
  }
  for await (const _ of inOrder(numbers(), 4, undefined, double)) break
})

test('an error of the source comes after the results before it', async () => {
  async function* numbers() {
    yield 1
    yield 2
    throw new Error('the disk is gone')
  }
  const seen: number[] = []
  const run = async () => {
    for await (const n of inOrder(numbers(), 4, undefined, double)) seen.push(n)
  }
  await expect(run()).rejects.toThrow('the disk is gone')
  expect(seen).toEqual([2, 4])
})

test('an error of the work ends the stream at its place', async () => {
  const seen: number[] = []
  const run = async () => {
    const work = async (n: number) => {
      if (n === 3) throw new Error('three')
      await tick(1)
      return n
    }
    for await (const n of inOrder([1, 2, 3, 4], 4, undefined, work)) seen.push(n)
  }
  await expect(run()).rejects.toThrow('three')
  expect(seen).toEqual([1, 2])
})

test('abort before, during and between', async () => {
  const reason = new Error('enough')
  await expect(collect(inOrder([1], 4, AbortSignal.abort(reason), double))).rejects.toBe(reason)

  const waiting = new AbortController()
  const stuck = collect(inOrder([1], 4, waiting.signal, () => new Promise<number>(() => {})))
  setTimeout(() => waiting.abort(reason), 5)
  await expect(stuck).rejects.toBe(reason)

  const between = new AbortController()
  const results = inOrder([1, 2, 3], 4, between.signal, double)
  await results.next()
  between.abort(reason)
  await expect(results.next()).rejects.toBe(reason)
})
