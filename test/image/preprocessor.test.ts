// preprocessor_config.json → Pipeline: what each class means by a missing key, a lone number and a flag.
import { describe, expect, it } from 'vitest'
import { geometry, type Pipeline } from '../../lib/image/pipeline'
import { readPreprocessor } from '../../lib/image/preprocessor'
import { pipelineOf } from './pipelines'

const read = (config: unknown, base?: Pipeline) => readPreprocessor(config, 'preprocessor_config.json', base)
const square = (n: number) => ({ width: n, height: n })
const invalid = (config: unknown) => {
  try {
    read(config)
  } catch (error) {
    return (error as { code: string }).code
  }
  return undefined
}

describe('the classes', () => {
  it.each([
    ['ViTImageProcessor', { resize: square(224), crop: null, resample: 'bilinear', mean: [0.5, 0.5, 0.5] }],
    ['ViTFeatureExtractor', { resize: square(224), crop: null, resample: 'bilinear', mean: [0.5, 0.5, 0.5] }],
    ['DeiTImageProcessor', { resize: square(256), crop: square(224), resample: 'bicubic', std: [0.5, 0.5, 0.5] }],
    [
      'BitImageProcessor',
      { resize: { shortestEdge: 224 }, crop: square(224), resample: 'bicubic', mean: [0.48145466, 0.4578275, 0.40821073] },
    ],
    [
      'CLIPImageProcessor',
      { resize: { shortestEdge: 224 }, crop: square(224), resample: 'bicubic', std: [0.26862954, 0.26130258, 0.27577711] },
    ],
    ['CLIPImageProcessorPil', { resize: { shortestEdge: 224 }, resampling: 'pillow' }],
    ['SiglipImageProcessor', { resize: square(224), crop: null, resample: 'bicubic', mean: [0.5, 0.5, 0.5] }],
  ])('%s', (image_processor_type, want) => {
    const pipeline = read({ image_processor_type })
    expect(pipeline).toMatchObject({ ...want, alpha: 'drop', cropRounding: 'floor', pad: 0, rescaleFactor: 1 / 255 })
    expect(pipeline.unsupported).toBeUndefined()
  })
  it('a name that ends in Fast means torchvision', () => {
    expect(read({ image_processor_type: 'BitImageProcessorFast' }).resampling).toBe('torchvision')
    expect(read({ image_processor_type: 'BitImageProcessor' }).resampling).toBe('pillow')
  })
  it('a file without a class takes the family’s pipeline for what it does not say', () => {
    const family = read({ image_processor_type: 'CLIPImageProcessor' })
    expect(read({ size: 336, crop_size: 336 }, family)).toEqual({ ...family, resize: { shortestEdge: 336 }, crop: square(336) })
    const vit = read({ image_processor_type: 'ViTImageProcessor' })
    expect(read({ size: 384, do_normalize: true }, vit)).toEqual({ ...vit, resize: square(384) })
  })
})

describe('keys', () => {
  const bit = (keys: object) => read({ image_processor_type: 'BitImageProcessor', ...keys })
  it('a lone number is a square for ViT and DeiT, a shortest edge for CLIP and Bit', () => {
    expect(pipelineOf('hf-vit-legacy-int-size')).toEqual(pipelineOf('hf-vit-squash-224-bilinear'))
    expect(pipelineOf('hf-clip-legacy-int-sizes')).toEqual(pipelineOf('hf-clip-224-bicubic'))
    expect(read({ image_processor_type: 'DeiTImageProcessor', size: 300 }).resize).toEqual(square(300))
  })
  it('processor_config.json holds the same one level down', () => {
    expect(pipelineOf('hf-siglip-processor-config')).toEqual(pipelineOf('hf-siglip-squash-224-bicubic'))
  })
  it('sizes', () => {
    expect(bit({ size: { height: 1, width: 2 } }).resize).toEqual({ height: 1, width: 2 })
    expect(bit({ size: [3, 4] }).resize).toEqual({ height: 3, width: 4 })
    expect(bit({ size: { shortest_edge: 5, longest_edge: null } }).resize).toEqual({ shortestEdge: 5 })
    expect(bit({ crop_size: { height: 1, width: 2 } }).crop).toEqual({ height: 1, width: 2 })
  })
  it('flags', () => {
    expect(bit({ do_resize: false }).resize).toBeNull()
    expect(bit({ do_center_crop: false }).crop).toBeNull()
    expect(bit({ do_normalize: false, image_mean: [9, 9, 9] })).toMatchObject({ mean: [0, 0, 0], std: [1, 1, 1] })
    expect(bit({ do_rescale: false }).rescaleFactor).toBe(1)
    expect(bit({ do_rescale: true, rescale_factor: 0.5 }).rescaleFactor).toBe(0.5)
  })
  it('resample is Pillow’s number', () => {
    expect([0, 1, 2, 3, 4, 5].map((resample) => bit({ resample }).resample)).toEqual([
      'nearest',
      'lanczos',
      'bilinear',
      'bicubic',
      'box',
      'hamming',
    ])
  })
})

describe('what vitrine does not do', () => {
  it.each([
    [{ image_processor_type: 'DINOv3ViTImageProcessorFast' }, /image_processor_type "DINOv3ViTImageProcessorFast"/],
    [{ image_processor_type: 'BeitImageProcessor' }, /image_processor_type "BeitImageProcessor"/],
    [{ feature_extractor_type: 'ConvNextFeatureExtractor' }, /feature_extractor_type "ConvNextFeatureExtractor"/],
    [{ size: 224 }, /feature_extractor_type null/],
    [{ image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 224, longest_edge: 1000 } }, /size .*longest_edge/],
    [{ image_processor_type: 'CLIPImageProcessor', crop_size: { shortest_edge: 224 } }, /crop_size/],
    [{ image_processor_type: 'ViTImageProcessor', do_center_crop: true, crop_size: 224 }, /do_center_crop true/],
    [{ image_processor_type: 'ViTImageProcessor', do_pad: true }, /do_pad true/],
    [{ image_processor_type: 'ViTImageProcessorFast', resample: 0 }, /"nearest" with resampling "torchvision"/],
  ])('%j: pictures are refused by the field’s name', (config, message) => {
    const pipeline = read(config)
    expect(pipeline.unsupported).toMatch(message)
    expect(pipeline.unsupported).toMatch(/^preprocessor_config\.json: /)
    expect(() => geometry(pipeline, 9, 9)).toThrow(message)
  })
})

describe('malformed', () => {
  it.each([
    [null],
    [[]],
    ['a'],
    [{ size: 'a' }],
    [{ size: 0 }],
    [{ size: { height: 1.5, width: 2 } }],
    [{ size: { shortest_edge: '224' } }],
    [{ do_resize: 1 }],
    [{ resample: 6 }],
    [{ resample: 'bicubic' }],
    [{ image_mean: [0.5, 0.5] }],
    [{ image_std: [0.5, 0, 0.5] }],
    [{ rescale_factor: -1 }],
  ])('%j', (config) => {
    const whole = config !== null && typeof config === 'object' && !Array.isArray(config)
    expect(invalid(whole ? { image_processor_type: 'BitImageProcessor', ...config } : config)).toBe('ERR_CHECKPOINT_INVALID')
  })
})
