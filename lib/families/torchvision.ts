// torchvision VisionTransformer: a state dict with no config, so that everything but the heads is read from shapes. Before it: index.ts;
// after it: encoder.ts.
import { basename } from 'node:path'
import { VitrineError } from '../errors'
import type { Pipeline } from '../image/pipeline'
import { Config } from './config'
import { type EncoderNames, patchShape, readEncoder, tokenTerm, View } from './encoder'
import type { CheckpointSource, Family, Size } from './family'
import { addHead } from './head'
import { headCount } from './heads'
import { imagenet, shortestAndCrop } from './pipelines'

const names: EncoderNames = {
  patch: ['conv_proj'],
  prefix: [{ names: ['class_token'], position: true }],
  position: ['encoder.pos_embedding'],
  block: {
    prefix: ['encoder.layers.encoder_layer_{i}.'],
    norm1: ['ln_1'],
    qkv: { weight: ['self_attention.in_proj_weight'], bias: ['self_attention.in_proj_bias'] },
    projection: ['self_attention.out_proj'],
    norm2: ['ln_2'],
    fc1: ['mlp.0', 'mlp.linear_1'], // torchvision before 0.12.1 wrote the second name
    fc2: ['mlp.3', 'mlp.linear_2'],
  },
  finalNorm: ['encoder.ln'],
}

/** All of torchvision's have heads of 64, but vit_h_14 16 heads at a width of 1280. */
const headRule = (dim: number) => (dim === 1280 ? 16 : dim % 64 === 0 ? dim / 64 : undefined)

/** The stored grid is square: nothing in a state dict tells 2×8 from 4×4, and torchvision makes no other. */
function imageOf(view: View, patch: Size): Size {
  const name = view.find(names.position)
  const shape = view.tensors.shape(name)
  const edge = Math.sqrt((shape.at(-2) ?? 0) - 1)
  if (Number.isInteger(edge) && edge >= 1) return { height: edge * patch.height, width: edge * patch.width }
  throw new VitrineError(
    'ERR_TENSOR_SHAPE',
    `${source(view)}: tensor ${name} has shape [${shape.join(', ')}], expected 1 + a square number of positions`,
  )
}
const source = (view: View) => view.tensors.name

/**
 * torchvision's transform belongs to published weights, not to the architecture, and a state dict does not say which it is. So: the preset
 * of those trained on ImageNet (256 to 224, bilinear; vit_l_16 242) whatever the stored grid, but for grids larger than 224 and for files
 * that call themselves SWAG, SWAG's (the image size itself, bicubic). Another is given as `preprocess`.
 */
function transform(checkpoint: CheckpointSource, dim: number, image: Size, patch: Size): Pipeline {
  const edge = Math.max(image.height, image.width)
  if (edge > 224 || basename(checkpoint.name).includes('swag')) return round(shortestAndCrop(edge, image, 'bicubic', imagenet))
  const large16 = dim === 1024 && patch.height === 16 && edge === 224
  return round(shortestAndCrop(large16 ? 242 : 256, { height: 224, width: 224 }, 'bilinear', imagenet))
}
const round = (pipeline: Pipeline): Pipeline => ({ ...pipeline, cropRounding: 'round' })

export const torchvision: Family = {
  name: 'torchvision',
  modelTypes: [],
  recognises: (tensors) =>
    tensors.has('class_token') && tensors.has('encoder.pos_embedding') && tensors.names().some((name) => name.includes('.encoder_layer_')),
  read(checkpoint) {
    const view = new View(checkpoint.tensors, '')
    const { dim, patch } = patchShape(view, names)
    const imageSize = imageOf(view, patch)
    const fc1 = names.block.fc1.map((role) => `encoder.layers.encoder_layer_0.${role}`)
    const config = checkpoint.config && new Config(checkpoint.config, checkpoint.configName)
    const spec = readEncoder(view, names, {
      dim,
      heads: headCount(checkpoint, dim, config, 'num_heads', headRule(dim)),
      layers: view.layers(names.block.prefix),
      mlpWidth: view.shape(fc1, '.weight')[0] ?? 0,
      patch,
      image: imageSize,
      patchBias: true,
      qkvBias: true,
      glu: false,
      activation: 'gelu',
      eps: 1e-6,
      resize: { antialias: false, alignCorners: true },
    })
    // With a representation_size the classifier stands behind another layer: that layer is the pooler, and no logits are offered.
    const pooler = addHead(spec, view, 'heads.pre_logits', [tokenTerm(0)], { activation: 'tanh' })
    if (pooler) checkpoint.tensors.ignore(/^heads\.head\./)
    const classifier = pooler ? undefined : addHead(spec, view, 'heads.head', [tokenTerm(0)])
    return {
      spec,
      imageSize,
      hasCls: true,
      ...(pooler && { pooled: [pooler] }),
      ...(classifier && { logits: [classifier] }),
      pipeline: transform(checkpoint, dim, imageSize, patch),
    }
  },
}
