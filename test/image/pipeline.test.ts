// The arithmetic between a picture and its crop, by hand-worked numbers; crops.test.ts proves it against the libraries' crops.
import { describe, expect, it } from 'vitest'
import { checkPipeline, geometry, outputSize, type Pipeline, resizePipeline } from '../../lib/image/pipeline'

const base: Pipeline = {
  resize: { shortestEdge: 256 },
  resample: 'bicubic',
  resampling: 'pillow',
  alpha: 'drop',
  crop: { width: 224, height: 224 },
  cropRounding: 'floor',
  pad: 0,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  rescaleFactor: 1 / 255,
}
const square = (n: number) => ({ width: n, height: n })
const code = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return undefined
}

describe('sizes after the resize', () => {
  const resized = (resize: Pipeline['resize'], width: number, height: number) => {
    const { resizeWidth, resizeHeight } = geometry({ ...base, resize }, width, height)
    return [resizeWidth, resizeHeight]
  }
  it('shortestEdge truncates the other edge', () => {
    expect(resized({ shortestEdge: 256 }, 640, 427)).toEqual([383, 256]) // 383.7
    expect(resized({ shortestEdge: 256 }, 427, 640)).toEqual([256, 383])
    expect(resized({ shortestEdge: 518 }, 1500, 7)).toEqual([111000, 518])
    expect(resized({ shortestEdge: 224 }, 300, 300)).toEqual([224, 224])
  })
  it('longestEdge and cover round halves to even', () => {
    expect(resized({ longestEdge: 224 }, 640, 427)).toEqual([224, 149])
    expect(resized({ longestEdge: 10 }, 20, 5)).toEqual([10, 2]) // 2.5
    expect(resized({ longestEdge: 10 }, 20, 7)).toEqual([10, 4]) // 3.5
    expect(resized({ cover: { width: 284, height: 213 } }, 640, 427)).toEqual([319, 213])
  })
  it('a squash, or nothing', () => {
    expect(resized({ width: 256, height: 192 }, 640, 427)).toEqual([256, 192])
    expect(resized(null, 640, 427)).toEqual([640, 427])
  })
  it('an edge that would vanish, or pass what an edge may be, is an error that names the picture', () => {
    expect(() => geometry({ ...base, resize: { longestEdge: 224 } }, 1500, 2, 'image 3 (a.png)')).toThrow(
      /image 3 \(a\.png\).*1500×2.*224×0/,
    )
    expect(code(() => geometry({ ...base, resize: { longestEdge: 224 } }, 1500, 2))).toBe('ERR_IMAGE_DIMS')
    expect(code(() => geometry(base, 2 ** 20, 1))).toBe('ERR_IMAGE_DIMS')
  })
})

describe('the centre crop', () => {
  const start = (n: number, size: number, changes: Partial<Pipeline>) =>
    geometry({ ...base, resize: null, crop: square(size), ...changes }, n, n).cropLeft
  it('floor, or half to even', () => {
    expect([7, 8, 9, 10, 11].map((n) => start(n, 6, {}))).toEqual([0, 1, 1, 2, 2])
    expect([7, 8, 9, 10, 11].map((n) => start(n, 6, { cropRounding: 'round' }))).toEqual([0, 1, 2, 2, 2])
  })
  it('of an odd padding the larger part is above and left on Pillow with floor, below and right elsewhere', () => {
    expect(start(3, 6, {})).toBe(-2)
    expect(start(3, 6, { resampling: 'pillow11' })).toBe(-2)
    expect(start(3, 6, { resampling: 'torchvision' })).toBe(-1)
    expect(start(3, 6, { cropRounding: 'round' })).toBe(-1)
    expect(start(4, 6, {})).toBe(-1)
  })
  it('without one the crop is the resized picture', () => {
    expect(geometry({ ...base, crop: null }, 640, 427)).toMatchObject({ cropLeft: 0, cropTop: 0, cropWidth: 383, cropHeight: 256 })
  })
  it('pads with one level or three', () => {
    expect(geometry({ ...base, pad: 7 }, 9, 9).pad).toEqual([7, 7, 7])
    expect(geometry({ ...base, pad: [1, 2, 3] }, 9, 9).pad).toEqual([1, 2, 3])
  })
})

describe('Pillow’s order of passes', () => {
  const verticalFirst = (resampling: Pipeline['resampling'], width: number, height: number) =>
    geometry({ ...base, resize: square(224), resampling }, width, height).verticalFirst
  it('13: vertical first where h − H > 2 (w − W), signed; 11 and torchvision: never', () => {
    expect(verticalFirst('pillow', 1080, 2400)).toBe(true) // 2176 > 1712
    expect(verticalFirst('pillow', 1080, 1920)).toBe(false) // 1696 < 1712
    expect(verticalFirst('pillow', 1080, 1936)).toBe(false) // equal
    expect(verticalFirst('pillow', 3, 900)).toBe(true) // enlarged across
    expect(verticalFirst('pillow', 3, 224)).toBe(false)
    expect(verticalFirst('pillow11', 1080, 2400)).toBe(false)
    expect(verticalFirst('torchvision', 1080, 2400)).toBe(false)
  })
})

describe('another image size', () => {
  it('the crop becomes it, the resize follows by the same factor', () => {
    expect(resizePipeline(base, square(448))).toEqual({ ...base, resize: { shortestEdge: 512 }, crop: square(448) })
    expect(resizePipeline(base, square(224))).toEqual(base)
    expect(resizePipeline({ ...base, resize: square(256) }, { width: 448, height: 112 }).resize).toEqual({ width: 512, height: 128 })
    expect(resizePipeline({ ...base, resize: { longestEdge: 248 } }, { width: 448, height: 112 }).resize).toEqual({ longestEdge: 496 })
    expect(resizePipeline({ ...base, resize: null }, square(98))).toEqual({ ...base, resize: null, crop: square(98) })
    expect(resizePipeline({ ...base, resize: square(224), crop: null }, square(98))).toEqual({ ...base, resize: square(98), crop: null })
  })
  it('a pipeline that leaves the size to the picture fills the size', () => {
    const free = { ...base, crop: null }
    expect(outputSize(free)).toBeUndefined()
    expect(resizePipeline(free, square(98))).toEqual({ ...free, resize: { cover: square(98) }, crop: square(98) })
  })
  it('outputSize is the crop, else a squash', () => {
    expect(outputSize(base)).toEqual(square(224))
    expect(outputSize({ ...base, crop: null, resize: { width: 3, height: 5 } })).toEqual({ width: 3, height: 5 })
  })
})

describe('a user’s preprocess object', () => {
  it('fills up the checkpoint’s', () => {
    expect(checkPipeline({}, base)).toEqual(base)
    expect(checkPipeline({ resample: 'lanczos', crop: null, pad: [1, 2, 3], mean: undefined }, base)).toEqual({
      ...base,
      resample: 'lanczos',
      crop: null,
      pad: [1, 2, 3],
    })
  })
  it('an unknown field is an error that lists the known ones', () => {
    expect(() => checkPipeline({ resampel: 'bicubic' }, base)).toThrow(/resampel.*resize, resample, resampling/)
    expect(code(() => checkPipeline({ toString: 1 }, base))).toBe('ERR_OPTION_UNKNOWN')
  })
  it.each([
    [null],
    ['bicubic'],
    [[]],
    [{ resize: 224 }],
    [{ resize: { shortestEdge: 0 } }],
    [{ resize: { shortestEdge: 1.5 } }],
    [{ resize: { shortestEdge: 224, longestEdge: 224 } }],
    [{ resize: { width: 224 } }],
    [{ resize: { cover: 224 } }],
    [{ crop: 224 }],
    [{ crop: { width: 224, height: 99999999 } }],
    [{ resample: 'cubic' }],
    [{ resampling: 'opencv' }],
    [{ alpha: true }],
    [{ cropRounding: 'ceil' }],
    [{ pad: 256 }],
    [{ pad: [1, 2] }],
    [{ mean: [1, 2, Number.NaN] }],
    [{ std: [1, 0, 1] }],
    [{ rescaleFactor: 0 }],
  ])('%j is refused', (value) => {
    expect(code(() => checkPipeline(value, base))).toBe('ERR_OPTION_INVALID')
  })
  it('what vitrine cannot do is refused by its name', () => {
    expect(() => checkPipeline({ resample: 'box', resampling: 'torchvision' }, base)).toThrow(/"box" with resampling "torchvision"/)
    expect(code(() => checkPipeline({ resample: 'box', resampling: 'torchvision' }, base))).toBe('ERR_PREPROCESS_UNSUPPORTED')
  })
  it('saying how to resize makes up for a file that vitrine cannot follow', () => {
    const unsupported = { ...base, unsupported: 'preprocessor_config.json: image_processor_type "X"' }
    expect(() => geometry(unsupported, 9, 9, 'image 0 (a)')).toThrow(/image 0 \(a\).*image_processor_type "X"/)
    expect(code(() => geometry(checkPipeline({ pad: 1 }, unsupported), 9, 9))).toBe('ERR_PREPROCESS_UNSUPPORTED')
    expect(code(() => geometry(checkPipeline({ resize: null, resample: 'bicubic' }, unsupported), 9, 9))).toBeUndefined()
  })
})
