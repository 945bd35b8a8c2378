// Leaving: in the queue at once, in a run within half a second, a load at once; nobody else notices. Limits are wide of what is measured.
import { expect, test } from 'vitest'
import { type NativeJob, type NativeOnnxModel, native } from '../../lib/native'
import { until } from '../engine/support'
import { closedAfterEach, load, options, output, pixels, slow, source } from './support'

const minutes = slow(3000, 1024)
const { loaded, keep } = closedAfterEach()
const settled = (job: NativeJob<unknown>) =>
  job.promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  )
const begin = (model: NativeOnnxModel, sink = new Float32Array(1), row = 0, burst = 1) =>
  model.run(pixels(4, 1), [output('slow')], [sink], row, options(burst))
const running = (count: number) => until(() => native().counters().onnxRunning === count)

test('a run ends within half a second of its last image leaving, and the session goes on', async () => {
  const model = await loaded(minutes)
  const job = begin(model)
  await running(1)
  const begun = performance.now()
  job.cancel()
  job.cancel()
  expect(await settled(job)).toBe('ERR_ABORTED')
  await running(0)
  expect(performance.now() - begun).toBeLessThan(500)
  const again = begin(model)
  await running(1)
  again.cancel()
  expect(await settled(again)).toBe('ERR_ABORTED')
})

test('what waits leaves at once; a run goes on while one of its images is wanted', async () => {
  const model = await loaded(slow(40, 512))
  const sink = new Float32Array(2)
  const pair = [0, 1].map((row) => begin(model, sink, row, 2))
  await running(1)
  const waiting = [begin(model), begin(model)]
  waiting[0]!.cancel()
  expect(await settled(waiting[0]!)).toBe('ERR_ABORTED')
  expect(native().counters().onnxRunning).toBe(1)
  pair[0]!.cancel()
  expect(await settled(pair[0]!)).toBe('ERR_ABORTED')
  expect(await settled(pair[1]!)).toBe('done')
  expect(sink[0]).toBe(0)
  expect(sink[1]).not.toBe(0)
  expect(await settled(waiting[1]!)).toBe('done')
})

test('a model closed under its jobs lets them finish, and gives the session back after them', async () => {
  const model = await load(slow(40, 512))
  const jobs = [begin(model), begin(model)]
  model.close()
  model.close()
  expect(native().counters()).toMatchObject({ models: 0, onnxSessions: 1 })
  expect(await Promise.all(jobs.map(settled))).toEqual(['done', 'done'])
})

test('a load leaves at once; others that wait for the same session get it', async () => {
  const shared = source(slow(200, 64))
  const jobs = [1, 2, 3].map(() => native().loadOnnxModel(shared))
  jobs[0]!.cancel()
  expect(await settled(jobs[0]!)).toBe('ERR_ABORTED')
  keep(...(await Promise.all(jobs.slice(1).map((job) => job.promise))))
  expect(native().counters()).toMatchObject({ models: 2, onnxSessions: 1 })
  const late = await native().loadOnnxModel(shared).promise
  keep(late)
  expect(native().counters().onnxSessions).toBe(1)
})

test('a load that everybody left is let go', async () => {
  const job = native().loadOnnxModel(source(slow(3000, 64)))
  await until(() => native().counters().onnxSessions === 1)
  job.cancel()
  expect(await settled(job)).toBe('ERR_ABORTED')
})

test('hundreds of images that come and leave at random', async () => {
  const model = await loaded(slow(6, 256), { batch: 5 })
  const sink = new Float32Array(300)
  const jobs = Array.from({ length: 300 }, (_, row) => begin(model, sink, row, 1 + (row % 7)))
  const all = Promise.all(jobs.map(settled))
  for (let i = 0; i < jobs.length; i += 3) {
    if (i % 30 === 0) await new Promise((resolve) => setImmediate(resolve))
    jobs[i]!.cancel()
  }
  const outcomes = await all
  outcomes.forEach((outcome, i) => {
    if (i % 3 !== 0) expect(outcome).toBe('done')
    else expect(['done', 'ERR_ABORTED']).toContain(outcome)
    if (outcome === 'done') expect(sink[i]).not.toBe(0)
  })
})
