// vitrine.json beside the weights: the same options as load(), behind the caller's own.
import { expect, test } from 'vitest'
import { type LoadOptions, load } from '../../lib/index'
import { checkpoint, torchvisionTensors } from '../support/checkpoints'
import { rejects } from '../support/rejects'

const open = (vitrine: string, options?: LoadOptions) =>
  load(checkpoint(torchvisionTensors(), undefined, { 'vitrine.json': vitrine }), options)

test('every option of load() that a file can hold', async () => {
  const model = await open(
    '{"heads": 4, "threads": 1, "imageSize": 16, "device": "cpu", "dtype": "fp32", "preprocess": {"mean": [0, 0, 0]}}',
  )
  expect(model.info).toMatchObject({ heads: 4, threads: 1, grid: { height: 4, width: 4 }, preprocess: { mean: [0, 0, 0] } })
  await model.close()
})

test("the caller's own come first, but not those that are undefined", async () => {
  const model = await open('{"heads": 4, "imageSize": 16}', { heads: 2, imageSize: undefined })
  expect(model.info).toMatchObject({ heads: 2, grid: { height: 4, width: 4 } })
  await model.close()
})

test('refused with the name of the file', async () => {
  await rejects(open('{"heads": 4, "hats": 1}'), 'ERR_OPTION_UNKNOWN', 'vitrine.json', /'hats'/)
  await rejects(open('{"heads": 4, "threads": "many"}'), 'ERR_OPTION_INVALID', 'vitrine.json', /'threads'/)
  await rejects(open('{"heads": 4, "dtype": "fp16"}'), 'ERR_DTYPE_UNAVAILABLE', /fp16/)
  await rejects(open('{"heads": 4, "imageSize": 10}'), 'ERR_IMAGE_SIZE', /10/)
})
