// Vision Transformers of real size with random weights, for tests of speed, memory and life.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A ViT/16 of 224×224 pixels as torchvision names it, with seeded weights: model.safetensors in the folder. */
export function writeViT(folder: string, { dim, layers }: { dim: number; layers: number }): string {
  const [mlp, grid] = [4 * dim, 14]
  const tensors: [string, number[]][] = [
    ['class_token', [1, 1, dim]],
    ['conv_proj.weight', [dim, 3, 16, 16]],
    ['conv_proj.bias', [dim]],
    ['encoder.pos_embedding', [1, grid * grid + 1, dim]],
    ['encoder.ln.weight', [dim]],
    ['encoder.ln.bias', [dim]],
  ]
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layers.encoder_layer_${i}`
    for (const norm of ['ln_1', 'ln_2']) tensors.push([`${layer}.${norm}.weight`, [dim]], [`${layer}.${norm}.bias`, [dim]])
    tensors.push([`${layer}.self_attention.in_proj_weight`, [3 * dim, dim]], [`${layer}.self_attention.in_proj_bias`, [3 * dim]])
    tensors.push([`${layer}.self_attention.out_proj.weight`, [dim, dim]], [`${layer}.self_attention.out_proj.bias`, [dim]])
    tensors.push([`${layer}.mlp.0.weight`, [mlp, dim]], [`${layer}.mlp.0.bias`, [mlp]])
    tensors.push([`${layer}.mlp.3.weight`, [dim, mlp]], [`${layer}.mlp.3.bias`, [dim]])
  }
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, shape] of tensors) {
    const bytes = 4 * shape.reduce((a, b) => a * b)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'model.safetensors')
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const file = openSync(path, 'w')
  writeSync(file, length)
  writeSync(file, text)
  let seed = 1
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 31 - 1
  }
  for (const [name, shape] of tensors) {
    const count = shape.reduce((a, b) => a * b)
    const isGain = /ln.*weight$/.test(name)
    const data = Float32Array.from({ length: count }, () => (isGain ? 1 + 0.1 * random() : 0.035 * random()))
    writeSync(file, Buffer.from(data.buffer))
  }
  closeSync(file)
  return path
}
