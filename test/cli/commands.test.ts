// vitrine classify, attention and info.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, expect, test } from 'vitest'
import { load } from '../../lib/index'
import { tiny, writeTiny } from '../api/tiny'
import { lines, photosFolder, temporaryFolder, vitrine } from './support'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const photo = join(photosFolder, 'chelsea.jpg')
const bad = join(folder.path, 'bad.jpg')
writeFileSync(bad, 'no picture')

test('classify', async () => {
  const checkpoint = writeTiny(join(folder.path, 'classifier'))
  const outcome = await vitrine(['classify', photo, bad, '--model', checkpoint, '--top-k', '2'])
  expect(outcome.code, outcome.error).toBe(1)
  const [first, second] = lines<{ classes?: object[]; error?: { code: string } }>(outcome)
  const model = await load(checkpoint)
  expect(first!.classes).toEqual((await model.classify(photo, { topK: 2 }))[0])
  expect(tiny.labels).toContain((first!.classes as { label: string }[])[0]!.label)
  expect(second!.error!.code).toBe('ERR_IMAGE_UNSUPPORTED')
  await model.close()
})

test('attention: a PNG per image, of the crop’s proportions', async () => {
  const output = join(folder.path, 'maps')
  const outcome = await vitrine(['attention', photo, bad, photo, '--output', output, '--image-size', '140x280'])
  expect(outcome.code, outcome.error).toBe(1)
  const found = lines<{ output?: string; error?: object }>(outcome)
  expect(found.map(({ output }) => output)).toEqual([join(output, 'chelsea.png'), undefined, join(output, 'chelsea-2.png')])
  const { format, width, height } = await sharp(join(output, 'chelsea.png')).metadata()
  expect({ format, ratio: width! / height! }).toEqual({ format: 'png', ratio: 2 })
  expect(readFileSync(join(output, 'chelsea.png')).equals(readFileSync(join(output, 'chelsea-2.png')))).toBe(true)
  expect(existsSync(join(output, 'bad.png'))).toBe(false)
  expect(outcome.error).toContain('image 1')
  expect(outcome.error).toContain('bad.jpg')
})

test('attention of one head differs from the mean of all', async () => {
  const at = (name: string) => join(folder.path, name)
  expect((await vitrine(['attention', photo, '--output', at('all')])).code).toBe(0)
  expect((await vitrine(['attention', photo, '--output', at('one'), '--head', '0'])).code).toBe(0)
  expect(readFileSync(join(at('one'), 'chelsea.png')).equals(readFileSync(join(at('all'), 'chelsea.png')))).toBe(false)
})

test('info is model.info', async () => {
  const outcome = await vitrine(['info', '--threads', '1', '--preprocess', '{"resample":"bilinear"}'])
  expect(outcome).toMatchObject({ code: 0, error: '' })
  const model = await load({ threads: 1, preprocess: { resample: 'bilinear' } })
  expect(JSON.parse(outcome.out)).toEqual(JSON.parse(JSON.stringify(model.info)))
  await model.close()
})
