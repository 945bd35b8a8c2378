// Random-weight checkpoints as transformers saves them: config.json, preprocessor_config.json, model.safetensors; and beside them the
// ONNX files of the peers. Before it: run.mjs; after it: onnx-file.mjs, then the peers, which all open the same folder.
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { uniform } from './random.mjs'

/** The models that can be measured. */
export const shapes = {
  'vit-b16': { dim: 768, layers: 12, heads: 12, mlp: 3072, patch: 16, size: 224 },
  'vit-s16': { dim: 384, layers: 12, heads: 6, mlp: 1536, patch: 16, size: 224 },
  'vit-ti16': { dim: 192, layers: 12, heads: 3, mlp: 768, patch: 16, size: 224 },
  'vit-l16': { dim: 1024, layers: 24, heads: 16, mlp: 4096, patch: 16, size: 224 },
}

/** Floating-point operations of one image through the whole model, two per multiply-add; linear layers and attention only. */
export function nominalFlops({ dim, layers, mlp, patch, size }) {
  const patches = (size / patch) ** 2
  const tokens = patches + 1
  const block = tokens * (4 * dim * dim + 2 * dim * mlp) + 2 * tokens * tokens * dim
  return 2 * (patches * 3 * patch * patch * dim + layers * block)
}

function* tensors({ dim, layers, mlp, patch, size }) {
  const tokens = (size / patch) ** 2 + 1
  yield ['embeddings.cls_token', [1, 1, dim]]
  yield ['embeddings.position_embeddings', [1, tokens, dim]]
  yield ['embeddings.patch_embeddings.projection.weight', [dim, 3, patch, patch]]
  yield ['embeddings.patch_embeddings.projection.bias', [dim]]
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layer.${i}`
    for (const norm of ['layernorm_before', 'layernorm_after']) {
      yield [`${layer}.${norm}.weight`, [dim]]
      yield [`${layer}.${norm}.bias`, [dim]]
    }
    const linear = [
      ['attention.attention.query', dim, dim],
      ['attention.attention.key', dim, dim],
      ['attention.attention.value', dim, dim],
      ['attention.output.dense', dim, dim],
      ['intermediate.dense', mlp, dim],
      ['output.dense', dim, mlp],
    ]
    for (const [name, out, inner] of linear) {
      yield [`${layer}.${name}.weight`, [out, inner]]
      yield [`${layer}.${name}.bias`, [out]]
    }
  }
  yield ['layernorm.weight', [dim]]
  yield ['layernorm.bias', [dim]]
}

/**
 * Values that make every part visible in the output: attention far from uniform, biases and norms far from 0 and 1. A fault in any of
 * them then fails the comparison before timing.
 */
function fill(name, shape, seed) {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  if (/(layernorm\w*)\.weight$/.test(name)) return uniform(values, seed, 0.3, 1)
  if (name.endsWith('.bias') || name.startsWith('embeddings.cls') || name.startsWith('embeddings.pos')) return uniform(values, seed, 0.2)
  const inner = shape.slice(1).reduce((a, b) => a * b, 1)
  return uniform(values, seed, (/query|key/.test(name) ? 2.2 : 1.2) / Math.sqrt(inner))
}

function writeSafetensors(path, shape) {
  const list = [...tensors(shape)]
  let offset = 0
  const header = {}
  for (const [name, dims] of list) {
    const bytes = 4 * dims.reduce((a, b) => a * b, 1)
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  let json = JSON.stringify(header)
  json += ' '.repeat((8 - (json.length % 8)) % 8)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([length, Buffer.from(json)]))
  list.forEach(([name, dims], i) => {
    const values = fill(name, dims, i + 1)
    writeSync(file, new Uint8Array(values.buffer))
  })
  closeSync(file)
}

function writeConfigs(folder, { dim, layers, heads, mlp, patch, size }) {
  const config = {
    architectures: ['ViTModel'],
    model_type: 'vit',
    hidden_size: dim,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: mlp,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-12,
    patch_size: patch,
    image_size: size,
    num_channels: 3,
    qkv_bias: true,
  }
  const preprocessor = {
    image_processor_type: 'ViTImageProcessor',
    do_resize: true,
    do_rescale: true,
    do_normalize: true,
    rescale_factor: 1 / 255,
    resample: 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    size: { height: size, width: size },
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2))
  writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor, null, 2))
}

/**
 * The folder of a model, written now if the one there came from other code. `sources` are the files whose change makes it stale.
 * `writeOnnx(folder)` adds the peers' files.
 */
export async function prepareModel(cache, name, sources, writeOnnx) {
  const folder = join(cache, name)
  const stamp = join(folder, 'made-by')
  const hash = createHash('sha256').update(name)
  for (const source of sources) hash.update(readFileSync(source))
  const id = hash.digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === id) return folder
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const shape = shapes[name.replace(/^(cuda|soak)-/, '')]
  writeConfigs(folder, shape)
  writeSafetensors(join(folder, 'model.safetensors'), shape)
  await writeOnnx(folder)
  writeFileSync(stamp, id)
  return folder
}
