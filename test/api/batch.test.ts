// Many images at a time: the bound, the lowest bad row, collecting, and cancelling.
import { expect, test } from 'vitest'
import { runBatch, type Step } from '../../lib/batch'
import { Cancellation } from '../../lib/cancel'
import { VitrineError } from '../../lib/errors'
import { Gate } from '../../lib/gate'
import { expectCode, tick } from './support'

const bad = (row: number) => new VitrineError('ERR_IMAGE_DECODE', `image ${row} is damaged`)
const options = (count: number, rest: { gate?: Gate; collect?: boolean; signal?: AbortSignal } = {}) => ({
  count,
  gate: rest.gate ?? new Gate(4),
  collect: rest.collect ?? false,
  cancellation: new Cancellation({ signal: rest.signal }, 'features()'),
})

test('at most as many at once as the gate lets in, over all calls that share it', async () => {
  const gate = new Gate(3)
  let [now, most] = [0, 0]
  const work = async () => {
    most = Math.max(most, ++now)
    await tick(1)
    now--
  }
  await Promise.all([runBatch(options(20, { gate }), work), runBatch(options(20, { gate }), work), runBatch(options(1, { gate }), work)])
  expect(most).toBe(3)
  expect(now).toBe(0)
})

test('a lone image does not wait for the whole of a large batch', async () => {
  const gate = new Gate(2)
  const order: string[] = []
  const named = (name: string) => async () => {
    await tick(1)
    order.push(name)
  }
  const large = runBatch(options(50, { gate }), named('large'))
  await runBatch(options(1, { gate }), named('one'))
  expect(order.length).toBeLessThan(10)
  await large
})

test('without collect the lowest bad row is named, whichever fails first', async () => {
  const seen: number[] = []
  const work = async (row: number) => {
    seen.push(row)
    await tick(row === 1 ? 20 : 1)
    if (row === 1 || row === 3) throw bad(row)
  }
  await expectCode(runBatch(options(100), work), 'ERR_IMAGE_DECODE', 'image 1 is damaged')
  expect(Math.max(...seen)).toBeLessThan(8)
})

test('rows above a bad one are cancelled, rows below are not', async () => {
  const cancelled: number[] = []
  const work = (row: number, step: Step) =>
    new Promise<void>((resolve, reject) => {
      if (row === 1) setTimeout(() => reject(bad(1)), 5)
      else setTimeout(resolve, 30)
      step.onCancel(() => {
        cancelled.push(row)
        resolve()
      })
    })
  await expectCode(runBatch(options(4), work), 'ERR_IMAGE_DECODE', 'image 1')
  expect(cancelled).toEqual([2, 3])
})

test('collect keeps the others, and gives the errors by row', async () => {
  const errors = await runBatch(options(6, { collect: true }), async (row) => {
    await tick(1)
    if (row % 2) throw bad(row)
  })
  expect(errors.map((error) => error?.message ?? null)).toEqual([
    null,
    'image 1 is damaged',
    null,
    'image 3 is damaged',
    null,
    'image 5 is damaged',
  ])
})

test('an error that is no image’s ends the call even when collecting', async () => {
  const work = async (row: number) => {
    if (row === 2) throw new VitrineError('ERR_OUT_OF_MEMORY', 'no memory')
  }
  await expectCode(runBatch(options(6, { collect: true }), work), 'ERR_OUT_OF_MEMORY')
})

test('abort cancels what runs, begins nothing more and rejects with the reason', async () => {
  const controller = new AbortController()
  let [begun, cancelled] = [0, 0]
  const reason = new Error('enough')
  const call = runBatch(options(100, { signal: controller.signal }), (_, step) => {
    begun++
    return new Promise((_resolve, reject) => {
      step.onCancel(() => {
        cancelled++
        reject(new Error('cancelled'))
      })
    })
  })
  await tick()
  controller.abort(reason)
  await expect(call).rejects.toBe(reason)
  expect({ begun, cancelled }).toEqual({ begun: 4, cancelled: 4 })
})

test('the gate is free again after failures and cancels', async () => {
  const gate = new Gate(2)
  await expectCode(
    runBatch(options(9, { gate }), async (row) => {
      throw bad(row)
    }),
    'ERR_IMAGE_DECODE',
    'image 0',
  )
  const aborted = AbortSignal.abort('no')
  await expect(runBatch(options(9, { gate, signal: aborted }), async () => {})).rejects.toBe('no')
  let done = 0
  await runBatch(options(5, { gate }), async () => {
    done++
  })
  expect(done).toBe(5)
})
