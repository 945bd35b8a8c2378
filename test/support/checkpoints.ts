// Tiny checkpoints of made-up values, as entries of a safetensors file and a config, for tests that spoil them one way at a time.
import { temporaryFolder } from './fixtures'
import { type Entries, encode, f32 } from './safetensors'

export interface Tiny {
  dim: number
  layers: number
  mlp: number
  patch: number
  grid: number
}
export const tiny: Tiny = { dim: 8, layers: 2, mlp: 12, patch: 4, grid: 2 }

const linear = (name: string, out: number, input: number): Entries => ({
  [`${name}.weight`]: f32([out, input]),
  [`${name}.bias`]: f32([out]),
})
const norm = (name: string, dim: number): Entries => ({ [`${name}.weight`]: f32([dim]), [`${name}.bias`]: f32([dim]) })

/** Tensors of transformers' ViTModel; `prefix` "vit." as a classifier's file has it. */
export function vitTensors({ dim, layers, mlp, patch, grid }: Tiny = tiny, prefix = '', tokens = 1): Entries {
  const entries: Entries = {
    [`${prefix}embeddings.cls_token`]: f32([1, 1, dim]),
    [`${prefix}embeddings.position_embeddings`]: f32([1, tokens + grid * grid, dim]),
    [`${prefix}embeddings.patch_embeddings.projection.weight`]: f32([dim, 3, patch, patch]),
    [`${prefix}embeddings.patch_embeddings.projection.bias`]: f32([dim]),
    ...norm(`${prefix}layernorm`, dim),
  }
  for (let i = 0; i < layers; i++) {
    const layer = `${prefix}encoder.layer.${i}.`
    Object.assign(entries, {
      ...norm(`${layer}layernorm_before`, dim),
      ...norm(`${layer}layernorm_after`, dim),
      ...linear(`${layer}attention.attention.query`, dim, dim),
      ...linear(`${layer}attention.attention.key`, dim, dim),
      ...linear(`${layer}attention.attention.value`, dim, dim),
      ...linear(`${layer}attention.output.dense`, dim, dim),
      ...linear(`${layer}intermediate.dense`, mlp, dim),
      ...linear(`${layer}output.dense`, dim, mlp),
    })
  }
  return entries
}

export function vitConfig({ dim, layers, mlp, patch, grid }: Tiny = tiny): Record<string, unknown> {
  return {
    model_type: 'vit',
    hidden_size: dim,
    num_hidden_layers: layers,
    num_attention_heads: 2,
    intermediate_size: mlp,
    patch_size: patch,
    image_size: patch * grid,
  }
}

/** Tensors of torchvision's VisionTransformer, as its state dict has them. */
export function torchvisionTensors({ dim, layers, mlp, patch, grid }: Tiny = tiny): Entries {
  const entries: Entries = {
    class_token: f32([1, 1, dim]),
    'conv_proj.weight': f32([dim, 3, patch, patch]),
    'conv_proj.bias': f32([dim]),
    'encoder.pos_embedding': f32([1, 1 + grid * grid, dim]),
    ...norm('encoder.ln', dim),
    ...linear('heads.head', 5, dim),
  }
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layers.encoder_layer_${i}.`
    Object.assign(entries, {
      ...norm(`${layer}ln_1`, dim),
      ...norm(`${layer}ln_2`, dim),
      [`${layer}self_attention.in_proj_weight`]: f32([3 * dim, dim]),
      [`${layer}self_attention.in_proj_bias`]: f32([3 * dim]),
      ...linear(`${layer}self_attention.out_proj`, dim, dim),
      ...linear(`${layer}mlp.0`, mlp, dim),
      ...linear(`${layer}mlp.3`, dim, mlp),
    })
  }
  return entries
}

/** A folder with model.safetensors, config.json where a config is given, and whatever else. */
export function checkpoint(entries: Entries, config?: Record<string, unknown>, files: Record<string, string | Uint8Array> = {}): string {
  return temporaryFolder({
    'model.safetensors': encode(entries),
    ...(config && { 'config.json': JSON.stringify(config) }),
    ...files,
  })
}
