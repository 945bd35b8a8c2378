// Sessions through the typed door: batches, sizes, results.
import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import { allClosed, load, options, output, picture, pixels, sums } from './support'

test('images of one burst run as one batch', async () => {
  const model = await load(sums())
  const { onnxRuns } = native().counters()
  const sink = new Float32Array(24)
  await Promise.all(Array.from({ length: 8 }, (_, row) => model.run(pixels(4, row), [output('sum')], [sink], row, options(8)).promise))
  expect([...sink]).toEqual(Array.from({ length: 24 }, (_, i) => 16 * Math.floor(i / 3)))
  expect(native().counters().onnxRuns - onnxRuns).toBe(1)
  model.close()
  await allClosed()
})

test('a crop for a float input is normalised', async () => {
  const model = await load(sums())
  const sink = new Float32Array(3)
  await model.run(
    picture(4, (i) => i),
    [output('sum')],
    [sink],
    0,
    options(),
  ).promise
  expect([...sink]).toEqual([360, 376, 392])
  model.close()
  await allClosed()
})
