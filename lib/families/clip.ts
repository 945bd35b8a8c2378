// The vision tower of transformers CLIP: alone, with its projection, with a classifier, or inside a checkpoint with a text tower, which is
// not used. Tokens are given after post_layernorm. Before it: index.ts; after it: encoder.ts.
import { Config } from './config'
import { agree, type EncoderNames, type EncoderShape, patchMean, readEncoder, tokenTerm, View } from './encoder'
import type { Family } from './family'
import { addHead, expectRows } from './head'
import { headCount } from './heads'
import { openai, shortestAndCrop } from './pipelines'

const names: EncoderNames = {
  patch: ['embeddings.patch_embedding'],
  prefix: [{ names: ['embeddings.class_embedding'], position: true }],
  position: ['embeddings.position_embedding'],
  preNorm: ['pre_layrnorm'], // spelled so in every file
  block: {
    prefix: ['encoder.layers.{i}.'],
    norm1: ['layer_norm1'],
    qkv: { query: ['self_attn.q_proj'], key: ['self_attn.k_proj'], value: ['self_attn.v_proj'] },
    projection: ['self_attn.out_proj'],
    norm2: ['layer_norm2'],
    fc1: ['mlp.fc1'],
    fc2: ['mlp.fc2'],
  },
  finalNorm: ['post_layernorm'],
}

export const clip: Family = {
  name: 'clip',
  modelTypes: ['clip', 'clip_vision_model'],
  read(source) {
    const view = View.under(source.tensors, ['vision_model.'])
    const top = new Config(source.config ?? {}, source.configName)
    const config = source.config?.model_type === 'clip' ? top.nested('vision_config') : top
    const dim = config.integer('hidden_size', 768)
    const shape: EncoderShape = {
      dim,
      heads: headCount(source, dim, config, 'num_attention_heads', 12),
      layers: config.integer('num_hidden_layers', 12),
      mlpWidth: config.integer('intermediate_size', 3072),
      patch: config.size('patch_size', 32),
      image: config.size('image_size', 224),
      patchBias: false,
      qkvBias: true,
      glu: false,
      activation: config.activation('hidden_act', 'quick_gelu'),
      eps: config.number('layer_norm_eps', 1e-5),
      resize: { antialias: false, alignCorners: false },
    }
    agree(config, view, names, shape, 'intermediate_size')
    const spec = readEncoder(view, names, shape)

    const root = new View(source.tensors, '')
    const projection = addHead(spec, root, 'visual_projection', [tokenTerm(0)], { bias: false })
    expectRows(spec, projection, top, 'projection_dim', top.integer('projection_dim', 512))
    const labels = top.labels()
    const classifier = addHead(spec, root, 'classifier', [patchMean(1, false)])
    expectRows(spec, classifier, top, 'id2label', labels?.length)
    source.tensors.ignore(/^text_model\.|^text_projection\.|^logit_scale$|^(vision_model\.)?embeddings\.position_ids$/)
    return {
      spec,
      imageSize: shape.image,
      hasCls: true,
      pooled: [projection ?? { terms: [tokenTerm(0)], head: -1 }],
      ...(classifier && { logits: [classifier], ...(labels && { labels }) }),
      pipeline: shortestAndCrop(Math.max(shape.image.height, shape.image.width), shape.image, 'bicubic', openai),
    }
  },
}
