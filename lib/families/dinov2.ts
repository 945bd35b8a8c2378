// transformers DINOv2: LayerScale, MLP plain or gated (SwiGLU). Its own pooled output is CLS after the final norm. Before it: index.ts;
// after it: encoder.ts.
import { Config } from './config'
import { agree, type EncoderNames, type EncoderShape, patchMean, readEncoder, tokenTerm, View } from './encoder'
import type { CheckpointSource, Family, FamilyModel } from './family'
import { addHead, expectRows } from './head'
import { headCount } from './heads'
import { beforeCrop, imagenet, shortestAndCrop } from './pipelines'

/** Names under the model's own prefix; dinov2_with_registers.ts shares them. */
export const names: EncoderNames = {
  patch: ['embeddings.patch_embeddings.projection'],
  prefix: [{ names: ['embeddings.cls_token'], position: true }],
  position: ['embeddings.position_embeddings'],
  block: {
    prefix: ['encoder.layer.{i}.', 'layers.{i}.'],
    norm1: ['norm1'],
    qkv: {
      query: ['attention.attention.query', 'attention.q_proj'],
      key: ['attention.attention.key', 'attention.k_proj'],
      value: ['attention.attention.value', 'attention.v_proj'],
    },
    projection: ['attention.output.dense', 'attention.o_proj'],
    scale1: ['layer_scale1.lambda1'],
    norm2: ['norm2'],
    fc1: ['mlp.fc1'],
    fc2: ['mlp.fc2'],
    scale2: ['layer_scale2.lambda1'],
    glu: {
      both: ['mlp.weights_in'],
      gate: ['mlp.gate_proj'],
      value: ['mlp.up_proj'],
      out: ['mlp.weights_out', 'mlp.down_proj'],
    },
  },
  finalNorm: ['layernorm'],
}

/** The gated MLP has two thirds of the plain one's width, rounded up to a multiple of 8. */
const gatedWidth = (width: number) => Math.floor((Math.floor((width * 2) / 3) + 7) / 8) * 8

export interface Variant {
  prefix: string
  names: EncoderNames
  /** Default of `patch_size`, and how positions are resized; the two variants differ. */
  patch: number
  antialias: boolean
}

export function readDinov2(source: CheckpointSource, variant: Variant): FamilyModel {
  const view = View.under(source.tensors, [variant.prefix])
  const config = new Config(source.config ?? {}, source.configName)
  const dim = config.integer('hidden_size', 768)
  const glu = config.flag('use_swiglu_ffn', false)
  const width = Math.floor(dim * config.number('mlp_ratio', 4))
  const shape: EncoderShape = {
    dim,
    heads: headCount(source, dim, config, 'num_attention_heads', 12),
    layers: config.integer('num_hidden_layers', 12),
    mlpWidth: glu ? gatedWidth(width) : width,
    patch: config.size('patch_size', variant.patch),
    image: config.size('image_size', 224),
    patchBias: true,
    qkvBias: config.flag('qkv_bias', true),
    glu,
    activation: glu ? 'silu' : config.activation('hidden_act', 'gelu'),
    eps: config.number('layer_norm_eps', 1e-6),
    resize: { antialias: variant.antialias, alignCorners: false },
  }
  agree(config, view, variant.names, shape, 'mlp_ratio')
  const spec = readEncoder(view, variant.names, shape)

  const cls = tokenTerm(0)
  const prefixRows = spec.prefix.reduce((sum, token) => sum + token.rows, 0)
  const labels = config.labels()
  const classifier = addHead(spec, new View(source.tensors, ''), 'classifier', [cls, patchMean(prefixRows)])
  expectRows(spec, classifier, config, 'id2label', labels?.length)
  source.tensors.ignore(/(^|\.)embeddings\.mask_token$/)
  // The published checkpoints' processor: 256 before a crop of 224, ImageNet's colours; not the class's own defaults, which none of them uses.
  const edge = beforeCrop(Math.max(shape.image.height, shape.image.width))
  return {
    spec,
    imageSize: shape.image,
    hasCls: true,
    pooled: [{ terms: [cls], head: -1 }],
    ...(classifier && { logits: [classifier], ...(labels && { labels }) }),
    pipeline: shortestAndCrop(edge, shape.image, 'bicubic', imagenet),
  }
}

export const dinov2: Family = {
  name: 'dinov2',
  modelTypes: ['dinov2'],
  read: (source) => readDinov2(source, { prefix: 'dinov2.', names, patch: 14, antialias: false }),
}
