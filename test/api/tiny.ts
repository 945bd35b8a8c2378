// A tiny checkpoint on disk, in transformers' layout: ViT, 2 blocks of 32, patch 16 of 64 pixels, with pooler and classifier.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [dim, layers, mlp, patch, image, classes] = [32, 2, 64, 16, 64, 3]
export const tiny = { dim, layers, patch, image, classes, labels: ['cat', 'dog', 'cup'] }

/** Writes config, preprocessor and seeded weights; without `classifier` a bare model with pooler. */
export function writeTiny(folder: string, { classifier = true, pooler = false } = {}): string {
  const prefix = classifier ? 'vit.' : ''
  const tensors: [string, number[]][] = [
    [`${prefix}embeddings.cls_token`, [1, 1, dim]],
    [`${prefix}embeddings.position_embeddings`, [1, (image / patch) ** 2 + 1, dim]],
    [`${prefix}embeddings.patch_embeddings.projection.weight`, [dim, 3, patch, patch]],
    [`${prefix}embeddings.patch_embeddings.projection.bias`, [dim]],
    [`${prefix}layernorm.weight`, [dim]],
    [`${prefix}layernorm.bias`, [dim]],
  ]
  const linear = (name: string, rows: number, columns: number) =>
    tensors.push([`${name}.weight`, [rows, columns]], [`${name}.bias`, [rows]])
  for (let i = 0; i < layers; i++) {
    const layer = `${prefix}encoder.layer.${i}`
    for (const norm of ['layernorm_before', 'layernorm_after'])
      tensors.push([`${layer}.${norm}.weight`, [dim]], [`${layer}.${norm}.bias`, [dim]])
    for (const part of ['query', 'key', 'value']) linear(`${layer}.attention.attention.${part}`, dim, dim)
    linear(`${layer}.attention.output.dense`, dim, dim)
    linear(`${layer}.intermediate.dense`, mlp, dim)
    linear(`${layer}.output.dense`, dim, mlp)
  }
  if (pooler) linear(`${prefix}pooler.dense`, dim, dim)
  if (classifier) linear('classifier', classes, dim)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.safetensors'), safetensors(tensors))
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      model_type: 'vit',
      architectures: [classifier ? 'ViTForImageClassification' : 'ViTModel'],
      hidden_size: dim,
      num_hidden_layers: layers,
      num_attention_heads: 2,
      intermediate_size: mlp,
      image_size: image,
      patch_size: patch,
      ...(classifier ? { id2label: Object.fromEntries(tiny.labels.map((label, i) => [i, label])) } : {}),
    }),
  )
  writeFileSync(
    join(folder, 'preprocessor_config.json'),
    JSON.stringify({ image_processor_type: 'ViTImageProcessor', size: { height: image, width: image }, resample: 2 }),
  )
  return folder
}

function safetensors(tensors: [string, number[]][]): Buffer {
  let offset = 0
  const header: Record<string, unknown> = {}
  let seed = 5
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 31 - 1
  }
  const parts = tensors.map(([name, shape]) => {
    const length = shape.reduce((a, b) => a * b)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + 4 * length] }
    offset += 4 * length
    const isGain = /norm.*weight$/.test(name)
    return Buffer.from(Float32Array.from({ length }, () => (isGain ? 1 + 0.1 * random() : 0.2 * random())).buffer)
  })
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...parts])
}
