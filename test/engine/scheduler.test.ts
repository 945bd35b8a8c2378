// Queue, limits and cancellation, seen through the typed door and the live counters.
process.env.VITRINE_THREADS = '3'

import { afterEach, expect, test } from 'vitest'
import { type NativeJob, native } from '../../lib/native'
import { rejects } from '../support/rejects'
import { randomModel } from './random-model'
import { cls, loadSpec, randomPicture, randomPixels, run, translated, until } from './support'

const blocks = 60
const slow = randomModel({ dim: 96, heads: 2, mlpWidth: 384, patch: [2, 2], grid: [14, 14], blocks })
const image = (seed = 1) => randomPixels(seed, 28, 28)
const start = async (threads: number) => {
  const model = await loadSpec(slow.spec, threads)
  const sink = new Float32Array(100 * 96)
  return { model, begin: (row = 0) => model.run(image(), [cls], [sink], row) }
}
const settled = (job: NativeJob<unknown>) =>
  job.promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  )

afterEach(() => expect(native().counters()).toMatchObject({ models: 0, weightBytes: 0, blocksRunning: 0, pictures: 0 }))

test('the pool has as many threads as VITRINE_THREADS says, a model at most as many as it asks for', async () => {
  expect(native().runtime().threads).toBe(3)
  for (const [asked, given] of [
    [1, 1],
    [2, 2],
    [9, 3],
  ] as const) {
    const { model, begin } = await start(asked)
    expect(model.threads).toBe(given)
    const jobs = Array.from({ length: 6 }, (_, row) => begin(row))
    let running = 0
    const watched = Promise.all(jobs.map(settled)).then(() => true)
    let over = false
    watched.then(() => {
      over = true
    })
    await until(() => {
      running = Math.max(running, native().counters().blocksRunning)
      return over
    })
    expect(running).toBe(given)
    expect(native().counters().poolThreads).toBe(3)
    model.close()
  }
})

test('two models do not share a limit', async () => {
  const [a, b] = [await start(1), await start(1)]
  const jobs = [a.begin(0), a.begin(1), b.begin(0), b.begin(1)]
  let over = false
  let running = 0
  void Promise.all(jobs.map(settled)).then(() => {
    over = true
  })
  await until(() => {
    running = Math.max(running, native().counters().blocksRunning)
    return over
  })
  expect(running).toBe(2)
  a.model.close()
  b.model.close()
})

test('cancelling what runs ends it within a block', async () => {
  const { model, begin } = await start(1)
  const { blocksBegun } = native().counters()
  const job = begin()
  await until(() => native().counters().blocksBegun > blocksBegun)
  job.cancel()
  job.cancel()
  const begunThen = native().counters().blocksBegun
  await rejects(
    translated(() => job.promise),
    'ERR_ABORTED',
  )
  expect(native().counters().blocksBegun - begunThen).toBeLessThanOrEqual(1)
  model.close()
})

test('cancelling what waits ends it at once; the others do not notice', async () => {
  const { model, begin } = await start(1)
  const { blocksBegun } = native().counters()
  const order: string[] = []
  const jobs = ['first', 'second', 'third', 'fourth'].map((name, row) => {
    const job = begin(row)
    void settled(job).then((outcome) => order.push(`${name} ${outcome}`))
    return job
  })
  jobs[1]!.cancel()
  jobs[3]!.cancel()
  await Promise.all(jobs.map(settled))
  expect(order.slice(0, 2).sort()).toEqual(['fourth ERR_ABORTED', 'second ERR_ABORTED'])
  expect(order.slice(2)).toEqual(['first done', 'third done'])
  expect(native().counters().blocksBegun - blocksBegun).toBe(2 * blocks)
  jobs[0]!.cancel()
  model.close()
})

test('a model closed under its jobs lets them finish, and frees the weights after them', async () => {
  const { model, begin } = await start(2)
  const jobs = [begin(0), begin(1), begin(2)]
  model.close()
  model.close()
  expect(native().counters().models).toBe(0)
  await rejects(
    translated(() => begin().promise),
    'ERR_MODEL_CLOSED',
  )
  expect(await Promise.all(jobs.map(settled))).toEqual(['done', 'done', 'done'])
  await until(() => native().counters().weightBytes === 0)
})

test('timings say how long a job waited and worked', async () => {
  const { model, begin } = await start(1)
  const [first, second] = await Promise.all([begin(0).promise, begin(1).promise])
  expect(first.forwardMs).toBeGreaterThan(0)
  expect(first.queueMs).toBeGreaterThanOrEqual(0)
  expect(second.queueMs).toBeGreaterThan(0)
  model.close()
})

test('pictures are counted while their jobs hold them', async () => {
  const { spec } = randomModel()
  const model = await loadSpec(spec, 1)
  native().counters({ reset: true })
  const sink = new Float32Array(4 * 24)
  const jobs = Array.from({ length: 4 }, (_, row) => model.run(randomPicture(row, 12, 12), [cls], [sink], row))
  expect(native().counters().pictures).toBe(4)
  await Promise.all(jobs.map(settled))
  expect(native().counters()).toMatchObject({ pictures: 0, picturesPeak: 4 })
  native().counters({ reset: true })
  expect(native().counters().picturesPeak).toBe(0)
  model.close()
})

test('jobs of small and large images one after another', async () => {
  const { spec } = randomModel({ dim: 48, heads: 2, patch: [2, 2], grid: [4, 4] })
  const model = await loadSpec(spec, 3)
  const expected = new Map<number, Float32Array>()
  for (const round of [0, 1]) {
    for (const side of [2, 120, 4, 60, 2]) {
      const [values] = await run(model, spec, randomPixels(side, side, side), [cls])
      if (round === 0 && !expected.has(side)) expected.set(side, values!)
      else expect([...values!]).toEqual([...expected.get(side)!])
    }
  }
  model.close()
})

test.skipIf(process.env.VITRINE_SANITIZED)('what jobs leave behind for the next ones is bounded, however many there were', async () => {
  const { model, begin } = await start(1)
  const recycled = () => native().counters().recycledBytes
  const jobs = Array.from({ length: 6000 }, () => begin())
  const outcomes = jobs.map(settled)
  const most = recycled()
  for (const job of jobs.reverse()) job.cancel()
  await Promise.all(outcomes)
  await run(model, slow.spec, image(), [cls])
  expect(most).toBeGreaterThan(4 << 20)
  // A megabyte for each of the sizes that jobs and their lists have.
  expect(recycled()).toBeLessThanOrEqual(3 << 20)
  const kept = recycled()
  await Promise.all(Array.from({ length: 10 }, () => settled(begin())))
  expect(recycled()).toBe(kept)
  model.close()
})
