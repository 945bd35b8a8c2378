// Shared by the long tests: where things are, children, and a random ViT-B/16 on disk.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const root = join(__dirname, '..', '..')
export const photos = join(root, 'examples', 'photos')
export const child = (name: string) => join(__dirname, 'children', name)

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-long-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  error: string
}

/** Runs a script of children/ to its end. */
export function runChild(name: string, args: string[] = [], nodeArgs: string[] = [], env: NodeJS.ProcessEnv = {}): Outcome {
  const done = spawnSync(process.execPath, [...nodeArgs, child(name), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
    timeout: 3600_000,
  })
  return { code: done.status, signal: done.signal, out: done.stdout, error: done.stderr }
}

/** A torchvision-named ViT-B/16 with seeded weights: 344 MB in float32. */
export function writeViTB16(folder: string): string {
  const [dim, layers, mlp, grid] = [768, 12, 3072, 14]
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
