// transformers ViT: ViTModel, ViTForImageClassification, ViTForMaskedImageModeling (its head is not used). Before it: index.ts; after it:
// encoder.ts.
import { Config } from './config'
import { agree, type EncoderNames, type EncoderShape, readEncoder, tokenTerm, View } from './encoder'
import type { CheckpointSource, Family, FamilyModel } from './family'
import { addHead, expectRows } from './head'
import { headCount } from './heads'
import { half, squash } from './pipelines'

/** Names under the model's own prefix; deit.ts shares them. */
export const names: EncoderNames = {
  patch: ['embeddings.patch_embeddings.projection'],
  prefix: [{ names: ['embeddings.cls_token'], position: true }],
  position: ['embeddings.position_embeddings'],
  block: {
    prefix: ['encoder.layer.{i}.', 'layers.{i}.'],
    norm1: ['layernorm_before'],
    qkv: {
      query: ['attention.attention.query', 'attention.q_proj'],
      key: ['attention.attention.key', 'attention.k_proj'],
      value: ['attention.attention.value', 'attention.v_proj'],
    },
    projection: ['attention.output.dense', 'attention.o_proj'],
    norm2: ['layernorm_after'],
    fc1: ['intermediate.dense', 'mlp.fc1'],
    fc2: ['output.dense', 'mlp.fc2'],
  },
  finalNorm: ['layernorm'],
}

/** Encoder and pooler of the config's shape; deit.ts shares it, with one prefix token more. */
export function readVit(source: CheckpointSource, view: View, names: EncoderNames): Pick<FamilyModel, 'spec' | 'imageSize' | 'pooled'> {
  const config = new Config(source.config ?? {}, source.configName)
  const dim = config.integer('hidden_size', 768)
  const shape: EncoderShape = {
    dim,
    heads: headCount(source, dim, config, 'num_attention_heads', 12),
    layers: config.integer('num_hidden_layers', 12),
    mlpWidth: config.integer('intermediate_size', 3072),
    patch: config.size('patch_size', 16),
    image: config.size('image_size', 224),
    patchBias: true,
    qkvBias: config.flag('qkv_bias', true),
    glu: false,
    activation: config.activation('hidden_act', 'gelu'),
    eps: config.number('layer_norm_eps', 1e-12),
    resize: { antialias: false, alignCorners: false },
  }
  agree(config, view, names, shape, 'intermediate_size')
  const spec = readEncoder(view, names, shape)
  const pooler = addHead(spec, view, 'pooler.dense', [tokenTerm(0)], { activation: config.activation('pooler_act', 'tanh') })
  expectRows(spec, pooler, config, 'pooler_output_size', config.integer('pooler_output_size', dim))
  return { spec, imageSize: shape.image, ...(pooler && { pooled: [pooler] }) }
}

export const vit: Family = {
  name: 'vit',
  modelTypes: ['vit'],
  read(source) {
    const view = View.under(source.tensors, ['vit.'])
    const model = readVit(source, view, names)
    const config = new Config(source.config ?? {}, source.configName)
    const labels = config.labels()
    const classifier = addHead(model.spec, new View(source.tensors, ''), 'classifier', [tokenTerm(0)])
    expectRows(model.spec, classifier, config, 'id2label', labels?.length)
    // Masked-image modelling: what stands in for a hidden patch, and the decoder that paints it.
    source.tensors.ignore(/^(vit\.)?embeddings\.mask_token$|^decoder\./)
    return {
      ...model,
      hasCls: true,
      ...(classifier && { logits: [classifier], ...(labels && { labels }) }),
      pipeline: squash(model.imageSize, 'bilinear', half),
    }
  },
}
