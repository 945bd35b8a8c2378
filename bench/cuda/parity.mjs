// Whether the device's vectors are right: fp32 within 1e-3 of the goldens (in proportion to the largest value), fp16 with a cosine of at least
// 0.9999 for every picture. Before it: index.js.
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { uniform } from '../inputs/random.mjs'
import { readTensors } from './safetensors.mjs'

const FP32_ERROR = 1e-3
const FP16_COSINE = 0.9999

function worst(found, golden) {
  let [largest, difference] = [0, 0]
  for (let i = 0; i < golden.length; i++) {
    largest = Math.max(largest, Math.abs(golden[i]))
    const off = Math.abs(found[i] - golden[i])
    difference = Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(difference, off)
  }
  return found.length === golden.length ? difference / largest : Number.POSITIVE_INFINITY
}

function smallestCosine(found, golden, rows) {
  const width = golden.length / rows
  let smallest = 1
  for (let row = 0; row < rows; row++) {
    let [dot, a, b] = [0, 0, 0]
    for (let i = row * width; i < (row + 1) * width; i++) {
      dot += found[i] * golden[i]
      a += found[i] ** 2
      b += golden[i] ** 2
    }
    smallest = Math.min(smallest, dot / Math.sqrt(a * b) || 0)
  }
  return smallest
}

/** One line of the note: of several tensors the worst. */
function judge(what, dtype, pairs, bound = FP32_ERROR) {
  const checks = pairs.map(({ name, found, golden, rows }) => {
    const value = dtype === 'fp32' ? worst(found, golden) : smallestCosine(found, golden, rows)
    return { name, value, good: dtype === 'fp32' ? value <= bound : value >= FP16_COSINE }
  })
  const sorted = checks.sort((a, b) => (dtype === 'fp32' ? b.value - a.value : a.value - b.value))
  return { what, dtype, good: checks.every(({ good }) => good), worst: sorted[0].value, tensor: sorted[0].name, tensors: checks.length }
}

const pools = ['tokens', 'cls', 'mean', 'pooled', 'logits']

/** A checkpoint with goldens, in the way they were made: photographs where golden.json names them, else pixel values. */
export async function checkGoldens(load, folder, { device, dtype, photos }) {
  const about = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'))
  const skip = (why) => ({ what: basename(folder), dtype, good: true, skipped: why })
  if (about.refuse) return skip('to be refused')
  const { pixel_values: pixels, crops, ...golden } = readTensors(join(folder, 'golden.safetensors'))
  let model
  try {
    const source = about.source ? join(folder, about.source) : goldenFree(folder)
    model = await load(source.folder ?? source, { device, dtype, ...(source.file && { file: source.file }) })
  } catch (error) {
    if (/^ERR_(CHECKPOINT_UNSUPPORTED|TENSOR_)/.test(error.code ?? '')) return skip(error.code)
    throw error
  }
  try {
    const input = pixels ? { type: 'float32', dims: pixels.shape, data: pixels.data } : about.images.map((name) => join(photos, name))
    const rows = pixels ? pixels.shape[0] : about.images.length
    const names = pools.filter((name) => golden[name])
    const features = names.length ? await model.features(input, { pool: names }) : []
    const pairs = names.map((name, i) => ({ name, found: features[i].data, golden: golden[name].data, rows }))
    if (golden.cls_attention)
      pairs.push({ name: 'cls_attention', found: (await model.attention(input)).data, golden: golden.cls_attention.data, rows })
    return judge(basename(folder), dtype, pairs, Math.max(FP32_ERROR, about.tolerance ?? 0))
  } finally {
    await model.close()
  }
}

/** In a folder with an ONNX graph, the goldens are the only .safetensors: the graph is meant. */
function goldenFree(folder) {
  const file = ['onnx/model.onnx', 'model.onnx'].find((name) => existsSync(join(folder, name)))
  return file && !existsSync(join(folder, 'model.safetensors')) ? { folder, file } : folder
}

/** Random weights: the device beside vitrine's own engine, on pixel values and on a few pools. */
export async function checkRandom(load, folder, name, { device, dtype }) {
  const own = await load(folder, { device: 'cpu' })
  const other = await load(folder, { device, dtype })
  try {
    const { height, width } = own.info.imageSize
    const rows = 4
    const input = { type: 'float32', dims: [rows, 3, height, width], data: uniform(new Float32Array(rows * 3 * height * width), 23, 1) }
    const pool = ['cls', 'mean', 'tokens']
    const [golden, found] = [await own.features(input, { pool }), await other.features(input, { pool })]
    const pairs = pool.map((pool, i) => ({ name: pool, found: found[i].data, golden: golden[i].data, rows }))
    return { check: judge(`${name}, random weights`, dtype, pairs), info: other.info }
  } finally {
    await Promise.all([own.close(), other.close()])
  }
}
