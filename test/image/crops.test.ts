// Picture → crop, byte for byte what the reference libraries make: every picture that decodes to Pillow's bytes × every pipeline, Pillow 13
// and the one before it. Which instruction set runs is the project's choice.
import { describe, expect, it } from 'vitest'
import { DEFAULT_MAX_PIXELS, decode, type Picture } from '../../lib/image/decode'
import { captureImage } from '../../lib/image/input'
import { geometry, type Pipeline } from '../../lib/image/pipeline'
import { type Geometry, native } from '../../lib/native'
import { pipelineOf } from './pipelines'
import { expected, fileOf, sha256, toRgb } from './support'

async function open(name: string, alpha: 'drop' | 'white' = 'drop'): Promise<Picture> {
  const { path, exif } = fileOf(name)
  const image = captureImage(path, 0)
  if (image.kind !== 'file') throw new Error(`${name} is no file`)
  return decode(image, { exif, alpha, maxPixels: DEFAULT_MAX_PIXELS })
}

async function crop(picture: Picture, steps: Geometry): Promise<Uint8Array> {
  const bytes = steps.cropWidth * steps.cropHeight * 3
  // One row in front and one behind, which must stay as they are.
  const sink = Buffer.alloc(3 * bytes, 0xa5)
  await native().crop({ kind: 'picture', ...picture, geometry: steps }, sink, 1).promise
  const untouched = Buffer.alloc(bytes, 0xa5)
  expect(untouched.equals(sink.subarray(0, bytes)) && untouched.equals(sink.subarray(2 * bytes))).toBe(true)
  return sink.subarray(bytes, 2 * bytes)
}

const pictures = Object.keys(expected.pictures).filter((name) => expected.pictures[name]!.decoder_equal)
const pipelines = Object.keys(expected.pipelines).filter((name) => expected.pipelines[name]!.backend !== 'float')

describe('crops', () => {
  it('cover what the fixtures promise', () => {
    expect(pictures.length).toBeGreaterThanOrEqual(60)
    expect(pipelines.length).toBeGreaterThanOrEqual(39)
  })
  it.each(pictures)('%s', async (name) => {
    const picture = await open(name)
    const wrong: string[] = []
    for (const key of pipelines) {
      const pipeline = pipelineOf(key)
      const versions = pipeline.resampling === 'pillow' ? (['pillow', 'pillow11'] as const) : (['torchvision'] as const)
      for (const resampling of versions) {
        const older = resampling === 'pillow11' ? expected.crops_before_pillow_13[name]?.[key] : undefined
        const steps = geometry({ ...pipeline, resampling }, picture.width, picture.height)
        const { width, height } = expected.pipelines[key]!
        expect([steps.cropWidth, steps.cropHeight]).toEqual([width, height])
        if (resampling === 'pillow11' && !older && !steps.verticalFirst) continue // the same as Pillow 13's
        if (sha256(await crop(picture, steps)) !== (older ?? expected.crops[name]![key])) wrong.push(`${key} (${resampling})`)
      }
    }
    expect(wrong).toEqual([])
  })
})

describe('layouts', () => {
  const whole: Pipeline = { ...pipelineOf('hf-dinov2-crop-only-224'), crop: null }
  const over = Object.keys(expected.pictures).filter((name) => expected.pictures[name]!.over_white_equal)
  it.each(over)('%s over white', async (name) => {
    const picture = await open(name, 'white')
    expect(sha256(await crop(picture, geometry(whole, picture.width, picture.height)))).toBe(expected.pictures[name]!.sha256_over_white)
  })
  // Every combination of passes reads rows another way; each must see the RGB that the formulas give.
  const sizes = { neither: null, across: { width: 61, height: 75 }, down: { width: 97, height: 31 }, both: { width: 61, height: 31 } }
  for (const layout of ['grey', 'rgba', 'rgba-over-white', 'cmyk'] as const) {
    it.each(Object.entries(sizes))(`${layout}, resized %s`, async (_, resize) => {
      const bytesPerPixel = layout === 'grey' ? 1 : 4
      const data = Uint8Array.from({ length: 97 * 75 * bytesPerPixel }, (_, i) => (i * 2654435761) >>> 24)
      const picture: Picture = { data, layout, width: 97, height: 75 }
      const rgb: Picture = { ...picture, data: toRgb(picture), layout: 'rgb' }
      for (const cropTo of [null, { width: 40, height: 20 }, { width: 120, height: 90 }]) {
        const steps = geometry({ ...whole, resize, crop: cropTo, pad: [1, 2, 3] }, 97, 75)
        for (const verticalFirst of [false, true]) {
          expect(sha256(await crop(picture, { ...steps, verticalFirst }))).toBe(sha256(await crop(rgb, { ...steps, verticalFirst })))
        }
      }
    })
  }
})

describe('a geometry or a picture whose parts disagree', () => {
  const picture: Picture = { data: new Uint8Array(27), layout: 'rgb', width: 3, height: 3 }
  const steps: Geometry = {
    resizeWidth: 3,
    resizeHeight: 3,
    filter: 'bicubic',
    coefficients: 'pillow',
    verticalFirst: false,
    cropLeft: 0,
    cropTop: 0,
    cropWidth: 3,
    cropHeight: 3,
    pad: [1, 2, 3],
  }
  it.each([
    ['more pixels than bytes', { width: 4 }, {}],
    ['fewer pixels than bytes', { height: 2 }, {}],
    ['another layout', { layout: 'cmyk' as const }, {}],
    ['no pixels', { data: new Uint8Array(0), width: 0 }, {}],
    ['a resize to nothing', {}, { resizeWidth: 0 }],
    ['a resize beyond all bounds', {}, { resizeHeight: 2 ** 30 }],
  ])('%s', async (_, wrongPicture, wrongSteps) => {
    const run = async () => crop({ ...picture, ...wrongPicture }, { ...steps, ...wrongSteps })
    await expect(run()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(IMAGE_|INTERNAL)/) })
  })
  it('a crop beside the picture is all padding', async () => {
    for (const beside of [{ cropLeft: 3 }, { cropLeft: -3 }, { cropTop: 2 ** 24 }, { cropTop: -(2 ** 24) }]) {
      expect([...(await crop(picture, { ...steps, ...beside }))]).toEqual(Array(9).fill([1, 2, 3]).flat())
    }
  })
  it('a crop that overlaps a corner', async () => {
    const rows = await crop({ ...picture, data: new Uint8Array(27).fill(9) }, { ...steps, cropLeft: 2, cropTop: -2 })
    expect([...rows]).toEqual([1, 1, 1].flatMap((_, y) => (y < 2 ? [1, 2, 3, 1, 2, 3, 1, 2, 3] : [9, 9, 9, 1, 2, 3, 1, 2, 3])))
  })
})
