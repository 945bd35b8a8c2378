// Families: names of tensors → roles, defaults of absent fields, heads, and configs that contradict the weights.
import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { families } from '../../lib/families/index'
import type { TensorPart } from '../../lib/spec'
import { checkpoint, tiny, torchvisionTensors, vitConfig, vitTensors } from '../support/checkpoints'
import { fixture, readJson } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { decode, type Entries, f32 } from '../support/safetensors'

const partNames = (tensor: TensorPart[] | undefined) => tensor?.map((part) => part.name)
const open = (entries: Entries, config?: Record<string, unknown>, files = {}, options = {}) =>
  openCheckpoint(checkpoint(entries, config, files), options)
const without = (entries: Entries, ...names: string[]): Entries =>
  Object.fromEntries(Object.entries(entries).filter(([name]) => !names.includes(name)))

describe('ViT', () => {
  test('roles', async () => {
    const { spec, ...model } = await open(vitTensors(), vitConfig())
    expect(model).toMatchObject({ family: 'vit', imageSize: { height: 8, width: 8 }, hasCls: true })
    expect(model.pooled ?? model.logits).toBeUndefined()
    expect(spec).toMatchObject({ dim: 8, heads: 2, headDim: 4, mlpWidth: 12, patchHeight: 4, patchWidth: 4, glu: false, eps: 1e-12 })
    expect(spec.files).toHaveLength(1)
    expect(spec.blocks).toHaveLength(2)
    expect(partNames(spec.blocks[1]!.qkv.weight)).toEqual([
      'encoder.layer.1.attention.attention.query.weight',
      'encoder.layer.1.attention.attention.key.weight',
      'encoder.layer.1.attention.attention.value.weight',
    ])
    expect(partNames(spec.blocks[1]!.fc2.weight)).toEqual(['encoder.layer.1.output.dense.weight'])
    expect(spec.position).toMatchObject({ gridHeight: 2, gridWidth: 2, resize: { antialias: false, alignCorners: false } })
    const counted = Object.values(vitTensors()).reduce((sum, { data }) => sum + data.length / 4, 0)
    expect(model.parameters).toBe(counted)
  })

  test('absent and null fields have the defaults of the library', async () => {
    const config = { model_type: 'vit', num_hidden_layers: 1, patch_size: null, qkv_bias: null, id2label: null }
    const { spec } = await open(vitTensors({ dim: 768, layers: 1, mlp: 3072, patch: 16, grid: 14 }), config)
    expect(spec).toMatchObject({ dim: 768, heads: 12, mlpWidth: 3072, patchHeight: 16, eps: 1e-12, activation: 'gelu' })
  })

  test('sizes that are not square, as lists or by name', async () => {
    const entries = { ...vitTensors(), 'embeddings.position_embeddings': f32([1, 1 + 2 * 5, 8]) }
    for (const image of [[8, 20], { height: 8, width: 20 }]) {
      const { spec, imageSize } = await open(entries, { ...vitConfig(), image_size: image, patch_size: [4, 4] })
      expect(imageSize).toEqual({ height: 8, width: 20 })
      expect(spec.position).toMatchObject({ gridHeight: 2, gridWidth: 5 })
    }
  })

  test('names under "vit." with a classifier, whose labels come from the config', async () => {
    const entries = { ...vitTensors(tiny, 'vit.'), 'classifier.weight': f32([3, 8]), 'classifier.bias': f32([3]) }
    const model = await open(entries, { ...vitConfig(), id2label: { 0: 'cat', 1: 'dog', 2: 'crane' } })
    expect(model.labels).toEqual(['cat', 'dog', 'crane'])
    expect(model.logits).toEqual([{ terms: [{ row: 0, count: 1, mean: false, afterNorm: true }], head: 0 }])
    expect(model.spec.headsOut[0]).toMatchObject({ name: 'classifier', in: 8, out: 3, activation: 'none' })
    expect((await open(entries, { ...vitConfig(), id2label: { 2: 7, 1: 8, 0: 9 } })).labels).toEqual(['9', '8', '7'])
    await rejects(
      open(entries, { ...vitConfig(), id2label: { 0: 'cat', 1: 'dog' } }),
      'ERR_CONFIG_MISMATCH',
      /id2label/,
      /2 rows/,
      /found 3/,
    )
    await rejects(open(entries, { ...vitConfig(), id2label: { 0: 'cat', 2: 'dog' } }), 'ERR_CHECKPOINT_INVALID', /id2label/)
  })

  test('pooler: any activation and width', async () => {
    const entries = { ...vitTensors(), 'pooler.dense.weight': f32([5, 8]), 'pooler.dense.bias': f32([5]) }
    const model = await open(entries, { ...vitConfig(), pooler_output_size: 5, pooler_act: 'relu' })
    expect(model.spec.headsOut[0]).toMatchObject({ activation: 'relu', in: 8, out: 5 })
    expect(model.pooled).toHaveLength(1)
    const usual = { ...vitTensors(), 'pooler.dense.weight': f32([8, 8]), 'pooler.dense.bias': f32([8]) }
    expect((await open(usual, vitConfig())).spec.headsOut[0]).toMatchObject({ activation: 'tanh', out: 8 })
    await rejects(open(entries, vitConfig()), 'ERR_CONFIG_MISMATCH', /pooler_output_size is absent/, /8 rows/, /found 5/)
    await rejects(
      open(entries, { ...vitConfig(), pooler_output_size: 5, pooler_act: 'gated' }),
      'ERR_CHECKPOINT_UNSUPPORTED',
      /pooler_act "gated"/,
    )
  })

  test('what masked-image modelling leaves in the file is ignored, of any type', async () => {
    const mask = { dtype: 'F64', shape: [1, 1, 8], data: new Uint8Array(64) }
    const entries = { ...vitTensors(tiny, 'vit.'), 'vit.embeddings.mask_token': mask, 'decoder.0.weight': f32([48, 8, 1, 1]) }
    await expect(open(entries, vitConfig())).resolves.toMatchObject({ family: 'vit' })
  })

  test('qkv without bias', async () => {
    const biases = Object.keys(vitTensors()).filter((name) => /(query|key|value)\.bias$/.test(name))
    const { spec } = await open(without(vitTensors(), ...biases), { ...vitConfig(), qkv_bias: false })
    expect(spec.blocks[0]!.qkv.bias).toBeUndefined()
    await rejects(open(without(vitTensors(), ...biases), vitConfig()), 'ERR_TENSOR_MISSING', /query\.bias/)
    await rejects(open(vitTensors(), { ...vitConfig(), qkv_bias: false }), 'ERR_CONFIG_MISMATCH', /qkv_bias is false/, /query\.bias/)
  })
})

describe('every tensor is used or knowingly ignored, and every needed one is there', () => {
  test('a missing one', async () => {
    for (const name of ['embeddings.cls_token', 'encoder.layer.1.output.dense.bias', 'layernorm.weight']) {
      await rejects(open(without(vitTensors(), name), vitConfig()), 'ERR_TENSOR_MISSING', 'model.safetensors', name)
    }
  })
  test('an unknown one', async () => {
    await rejects(open({ ...vitTensors(), 'encoder.extra': f32([1]) }, vitConfig()), 'ERR_TENSOR_UNKNOWN', /encoder\.extra/)
  })
  test('one of another shape', async () => {
    const name = 'encoder.layer.0.layernorm_before.bias'
    await rejects(open({ ...vitTensors(), [name]: f32([9]) }, vitConfig()), 'ERR_TENSOR_SHAPE', name, /has shape \[9\], expected \[8\]/)
    await rejects(open({ ...vitTensors(), 'embeddings.cls_token': f32([1, 2, 8]) }, vitConfig()), 'ERR_TENSOR_SHAPE', /cls_token/)
    await rejects(open({ ...vitTensors(), 'embeddings.cls_token': f32([]) }, vitConfig()), 'ERR_TENSOR_SHAPE', /cls_token/)
    const patch = 'embeddings.patch_embeddings.projection.weight'
    await rejects(open({ ...vitTensors(), [patch]: f32([8, 48]) }, vitConfig()), 'ERR_TENSOR_SHAPE', /projection\.weight/)
  })
  test('one of another type', async () => {
    const bias = { dtype: 'I32', shape: [8], data: new Uint8Array(32) }
    await rejects(
      open({ ...vitTensors(), 'layernorm.bias': bias }, vitConfig()),
      'ERR_TENSOR_DTYPE',
      /layernorm\.bias/,
      /I32/,
      /F32, F16, BF16/,
    )
  })
})

describe('a config that contradicts the weights', () => {
  test.each([
    ['hidden_size', 16, /width 16/, /found 8/],
    ['num_hidden_layers', 3, /blocks 3/, /found 2/],
    ['num_hidden_layers', 1, /blocks 1/, /found 2/],
    ['intermediate_size', 16, /MLP width 16/, /found 12/],
    ['patch_size', 8, /8×8/, /found 4×4/],
    ['patch_size', [4, 8], /4×8/, /found 4×4/],
    ['image_size', 16, /1 \+ 4·4 = 17 positions/, /found 5/],
    ['num_attention_heads', 3, /divides the width 8/, /num_attention_heads is 3/],
  ] as [string, unknown, ...RegExp[]][])('%s %j', async (field, value, ...texts) => {
    await rejects(open(vitTensors(), { ...vitConfig(), [field]: value }), 'ERR_CONFIG_MISMATCH', 'config.json', field, ...texts)
  })

  test.each([
    ['hidden_size', '8'],
    ['hidden_size', 8.5],
    ['hidden_size', -8],
    ['num_hidden_layers', 0],
    ['layer_norm_eps', 'small'],
    ['layer_norm_eps', -1],
    ['image_size', [8]],
    ['image_size', [8, 0]],
    ['patch_size', {}],
    ['qkv_bias', 1],
    ['num_attention_heads', {}],
    ['id2label', ['cat']],
  ])('a field that is none: %s %j', async (field, value) => {
    await rejects(open(vitTensors(), { ...vitConfig(), [field]: value }), 'ERR_CHECKPOINT_INVALID', 'config.json', field)
  })

  test('what vitrine does not compute', async () => {
    await rejects(
      open(vitTensors(), { ...vitConfig(), hidden_act: 'mish' }),
      'ERR_CHECKPOINT_UNSUPPORTED',
      /hidden_act "mish"/,
      /quick_gelu/,
    )
    await rejects(open(vitTensors(), { ...vitConfig(), hidden_act: 'constructor' }), 'ERR_CHECKPOINT_UNSUPPORTED', /hidden_act/)
    await rejects(open(vitTensors(), { ...vitConfig(), num_channels: 1 }), 'ERR_CHECKPOINT_UNSUPPORTED', /num_channels/)
    await rejects(open(vitTensors(), { ...vitConfig(), model_type: 'swin' }), 'ERR_CHECKPOINT_UNSUPPORTED', /model_type "swin"/, /dinov2/)
    await rejects(open(vitTensors(), { ...vitConfig(), model_type: 7 }), 'ERR_CHECKPOINT_UNSUPPORTED', /model_type 7/)
    await rejects(open(vitTensors(), { architecture: 'vit_tiny' }), 'ERR_CHECKPOINT_UNSUPPORTED', /architecture "vit_tiny"/, /timm/)
    await rejects(open(vitTensors()), 'ERR_CHECKPOINT_UNSUPPORTED', /no config\.json/, /embeddings\.cls_token/)
    await rejects(open({}), 'ERR_CHECKPOINT_UNSUPPORTED', /none/)
  })

  test('a config that is no JSON', async () => {
    await rejects(open(vitTensors(), undefined, { 'config.json': '{"model_type":' }), 'ERR_CHECKPOINT_INVALID', 'config.json', /not JSON/)
    await rejects(open(vitTensors(), undefined, { 'config.json': '"vit"' }), 'ERR_CHECKPOINT_INVALID', 'config.json')
  })
})

describe('heads', () => {
  const wide = { ...tiny, dim: 128 }
  test('torchvision: 64 wide each, 16 at a width of 1280', async () => {
    expect((await open(torchvisionTensors(wide))).spec.heads).toBe(2)
    expect((await open(torchvisionTensors({ ...tiny, dim: 1280, layers: 1 }))).spec.heads).toBe(16)
  })
  test('where nothing says it, the option is asked for', async () => {
    await rejects(open(torchvisionTensors()), 'ERR_HEADS_UNKNOWN', /'heads'/, /vitrine\.json/)
    expect((await open(torchvisionTensors(), undefined, {}, { heads: 4 })).spec).toMatchObject({ heads: 4, headDim: 2 })
    expect((await open(torchvisionTensors(), undefined, { 'vitrine.json': '{"num_heads": 4}' })).spec.heads).toBe(4)
    expect((await open(torchvisionTensors(), undefined, { 'vitrine.json': '{"heads": 4}' })).spec.heads).toBe(4)
  })
  test('the option, then the config, then vitrine.json, then the rule', async () => {
    const files = { 'vitrine.json': '{"heads": 4}' }
    expect((await open(vitTensors(), vitConfig(), files, { heads: 8 })).spec.heads).toBe(8)
    expect((await open(vitTensors(), vitConfig(), files)).spec.heads).toBe(2)
    expect((await open(vitTensors(), { ...vitConfig(), num_attention_heads: null }, files)).spec.heads).toBe(4)
    expect((await open(torchvisionTensors(wide), undefined, files, { heads: 8 })).spec.heads).toBe(8)
    expect((await open(torchvisionTensors(wide), undefined, files)).spec.heads).toBe(4)
  })
  test('that do not divide the width', async () => {
    await rejects(open(vitTensors(), vitConfig(), {}, { heads: 3 }), 'ERR_OPTION_INVALID', /'heads'/, /width 8/, /found 3/)
    await rejects(
      open(torchvisionTensors(), undefined, { 'vitrine.json': '{"heads": 5}' }),
      'ERR_OPTION_INVALID',
      'vitrine.json',
      /found 5/,
    )
    await rejects(open(vitTensors(), { ...vitConfig(), num_attention_heads: null }), 'ERR_CONFIG_MISMATCH', /12 \(the default\)/)
  })
})

describe('torchvision', () => {
  const options = { heads: 2 }
  test('everything but the heads is read from shapes', async () => {
    const model = await open(torchvisionTensors(), undefined, {}, options)
    expect(model).toMatchObject({ family: 'torchvision', imageSize: { height: 8, width: 8 }, hasCls: true })
    expect(model.spec).toMatchObject({ dim: 8, mlpWidth: 12, eps: 1e-6, activation: 'gelu', patchHeight: 4 })
    expect(model.spec.position!.resize).toEqual({ antialias: false, alignCorners: true })
    expect(model.logits).toHaveLength(1)
  })
  test('names of files before 0.12.1', async () => {
    const old = Object.entries(torchvisionTensors()).map(([name, entry]) => [
      name.replace('.mlp.0.', '.mlp.linear_1.').replace('.mlp.3.', '.mlp.linear_2.'),
      entry,
    ])
    const { spec } = await open(Object.fromEntries(old) as Entries, undefined, {}, options)
    expect(partNames(spec.blocks[1]!.fc1.weight)).toEqual(['encoder.layers.encoder_layer_1.mlp.linear_1.weight'])
  })
  test('a stem other than one convolution, a grid that is no square', async () => {
    await rejects(
      open(without(torchvisionTensors(), 'conv_proj.weight'), undefined, {}, options),
      'ERR_TENSOR_MISSING',
      /conv_proj\.weight/,
    )
    const uneven = { ...torchvisionTensors(), 'encoder.pos_embedding': f32([1, 7, 8]) }
    await rejects(open(uneven, undefined, {}, options), 'ERR_TENSOR_SHAPE', /encoder\.pos_embedding/, /square/)
  })
  test('a classifier behind another layer gives the pooler', async () => {
    const entries = { ...torchvisionTensors(), 'heads.pre_logits.weight': f32([6, 8]), 'heads.pre_logits.bias': f32([6]) }
    const model = await open({ ...entries, 'heads.head.weight': f32([5, 6]) }, undefined, {}, options)
    expect(model.logits).toBeUndefined()
    expect(model.spec.headsOut).toMatchObject([{ name: 'heads.pre_logits', activation: 'tanh', in: 8, out: 6 }])
  })
  test('its transform, by what the checkpoint shows of itself', async () => {
    const at = async (grid: number, patch: number, name?: string) => {
      const entries = torchvisionTensors({ ...tiny, grid, patch })
      const folder = checkpoint(entries)
      if (name) renameSync(join(folder, 'model.safetensors'), join(folder, name))
      return (await openCheckpoint(folder, options)).pipeline
    }
    const preset = { resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 }, resample: 'bilinear', cropRounding: 'round' }
    expect(await at(14, 16)).toMatchObject({ ...preset, mean: [0.485, 0.456, 0.406] })
    expect(await at(2, 4)).toMatchObject(preset)
    expect(await at(24, 16)).toMatchObject({ resize: { shortestEdge: 384 }, crop: { width: 384, height: 384 }, resample: 'bicubic' })
    expect(await at(14, 16, 'vit_b_16_lc_swag.safetensors')).toMatchObject({ resize: { shortestEdge: 224 }, resample: 'bicubic' })
  })
})

describe('the pipeline where no file gives one', () => {
  test.each([
    ['hf-vit-names-v5', { resize: { width: 32, height: 32 }, crop: null, resample: 'bilinear', mean: [0.5, 0.5, 0.5] }],
    ['hf-deit', { resize: { width: 37, height: 37 }, crop: { width: 32, height: 32 }, resample: 'bicubic', mean: [0.5, 0.5, 0.5] }],
    ['hf-dinov2-swiglu-names-v5', { resize: { shortestEdge: 48 }, crop: { width: 42, height: 42 }, mean: [0.485, 0.456, 0.406] }],
    ['hf-clip-classifier', { resize: { shortestEdge: 32 }, crop: { width: 32, height: 32 }, mean: [0.48145466, 0.4578275, 0.40821073] }],
  ])('%s', async (name, expected) => {
    const folder = checkpoint({})
    cpSync(fixture(name), folder, { recursive: true })
    rmSync(join(folder, 'preprocessor_config.json'))
    expect((await openCheckpoint(folder, {})).pipeline).toMatchObject({ cropRounding: 'floor', resampling: 'pillow', ...expected })
  })
  test('a file beside the weights comes first, processor_config.json before preprocessor_config.json', async () => {
    const preprocessor = JSON.stringify({ image_processor_type: 'ViTImageProcessor', size: { height: 20, width: 24 } })
    const nested = JSON.stringify({ image_processor: { image_processor_type: 'ViTImageProcessor', size: { height: 28, width: 32 } } })
    const files = { 'preprocessor_config.json': preprocessor }
    expect((await open(vitTensors(), vitConfig(), files)).pipeline.resize).toEqual({ width: 24, height: 20 })
    const both = { ...files, 'processor_config.json': nested }
    expect((await open(vitTensors(), vitConfig(), both)).pipeline.resize).toEqual({ width: 32, height: 28 })
    const other = { ...files, 'processor_config.json': '{"processor_class":"CLIPProcessor"}' }
    expect((await open(vitTensors(), vitConfig(), other)).pipeline.resize).toEqual({ width: 24, height: 20 })
    await rejects(
      open(vitTensors(), vitConfig(), { 'preprocessor_config.json': '[' }),
      'ERR_CHECKPOINT_INVALID',
      'preprocessor_config.json',
    )
  })
})

describe('the other families', () => {
  test('DeiT: two prefix tokens; one head, or the average of two', async () => {
    const config = { ...vitConfig(), model_type: 'deit' }
    const base = { ...vitTensors(tiny, 'deit.', 2), 'deit.embeddings.distillation_token': f32([1, 1, 8]) }
    const head = (name: string): Entries => ({ [`${name}.weight`]: f32([3, 8]), [`${name}.bias`]: f32([3]) })
    expect((await open({ ...base, ...head('classifier') }, config)).logits?.map((branch) => branch.terms[0]!.row)).toEqual([0])
    const pair = { ...base, ...head('cls_classifier'), ...head('distillation_classifier') }
    expect((await open(pair, config)).logits?.map((branch) => branch.terms[0]!.row)).toEqual([0, 1])
    await rejects(open({ ...base, ...head('cls_classifier') }, config), 'ERR_TENSOR_MISSING', /distillation_classifier\.weight/)
    await rejects(open(without(base, 'deit.embeddings.distillation_token'), config), 'ERR_TENSOR_MISSING', /distillation_token/)
  })
  test('DINOv2: registers, gated MLP in two spellings', async () => {
    const registers = await openCheckpoint(fixture('hf-dinov2-registers-larger-input'), {})
    expect(registers.spec.prefix.map(({ rows, position }) => [rows, position])).toEqual([
      [1, true],
      [4, false],
    ])
    expect(registers.spec.position!.resize.antialias).toBe(true)
    const gated = await openCheckpoint(fixture('hf-dinov2-swiglu-names-v5'), {})
    expect(gated.spec).toMatchObject({ glu: true, activation: 'silu', mlpWidth: 88 })
    expect(partNames(gated.spec.blocks[0]!.fc1.weight)).toEqual([
      'encoder.layer.0.mlp.gate_proj.weight',
      'encoder.layer.0.mlp.up_proj.weight',
    ])
    expect(gated.pooled).toEqual([{ terms: [{ row: 0, count: 1, mean: false, afterNorm: true }], head: -1 }])
  })
  test('DINOv2: the classifier reads CLS and the mean of the patches behind all prefix tokens', async () => {
    for (const [name, prefix] of [
      ['hf-dinov2-swiglu-names-v5', 1],
      ['hf-dinov2-registers-larger-input', 5],
    ] as const) {
      const entries = decode(join(fixture(name), 'model.safetensors'))
      Object.assign(entries, { 'classifier.weight': f32([3, 128]), 'classifier.bias': f32([3]) })
      const { logits, spec } = await open(entries, readJson(join(fixture(name), 'config.json')))
      expect(logits![0]!.terms).toEqual([
        { row: 0, count: 1, mean: false, afterNorm: true },
        { row: prefix, count: -1, mean: true, afterNorm: true },
      ])
      expect(spec.headsOut[0]).toMatchObject({ in: 128, out: 3 })
    }
  })
  test('DINOv2: a config that contradicts the weights', async () => {
    const of = (name: string) => [decode(join(fixture(name), 'model.safetensors')), readJson(join(fixture(name), 'config.json'))] as const
    const [gated, gatedConfig] = of('hf-dinov2-swiglu-names-v5')
    await rejects(open(gated, { ...gatedConfig, use_swiglu_ffn: false }), 'ERR_CONFIG_MISMATCH', /use_swiglu_ffn/, /a gated one/)
    await rejects(open(gated, { ...gatedConfig, mlp_ratio: 4 }), 'ERR_CONFIG_MISMATCH', /mlp_ratio/, /MLP width 176/, /found 88/)
    const [registers, config] = of('hf-dinov2-registers-larger-input')
    await rejects(open(registers, { ...config, num_register_tokens: 8 }), 'ERR_CONFIG_MISMATCH', /num_register_tokens/, /found 4/)
    await rejects(open(registers, { ...config, model_type: 'dinov2' }), 'ERR_TENSOR_UNKNOWN', /register_tokens/)
  })
  test('CLIP: fields of vision_config are named whole, projection_dim stands at the top', async () => {
    const folder = fixture('hf-clip-composite')
    const entries = decode(join(folder, 'model.safetensors'))
    const config = readJson(join(folder, 'config.json'))
    const vision = config.vision_config as Record<string, unknown>
    await rejects(open(entries, { ...config, projection_dim: 32 }), 'ERR_CONFIG_MISMATCH', /projection_dim is 32/, /found 24/)
    await rejects(
      open(entries, { ...config, vision_config: { ...vision, hidden_size: 32 } }),
      'ERR_CONFIG_MISMATCH',
      /vision_config\.hidden_size is 32/,
    )
    await rejects(open(entries, { ...config, vision_config: 7 }), 'ERR_CHECKPOINT_INVALID', /vision_config/)
    const ids = { dtype: 'I64', shape: [1, 17], data: new Uint8Array(136) }
    await expect(open({ ...entries, 'vision_model.embeddings.position_ids': ids }, config)).resolves.toMatchObject({ family: 'clip' })
  })
  test('no two families claim one model_type', () => {
    const types = families.flatMap((family) => family.modelTypes)
    expect(new Set(types).size).toBe(types.length)
    expect(new Set(families.map((family) => family.name)).size).toBe(families.length)
  })
})
