// Random encoder specs with their weights on disk: any combination of the spec's options, at any size.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Activation, DType, EncoderSpec, Head, Linear, Norm, Tensor } from '../../lib/spec'
import { temporaryFolder } from '../support/fixtures'
import { Random } from '../support/seed'

export interface ModelOptions {
  seed?: number
  dim?: number
  heads?: number
  headDim?: number
  mlpWidth?: number
  patch?: [height: number, width: number]
  /** Prefix tokens: rows of each, and whether the position table has rows for it. */
  prefix?: { rows: number; position: boolean }[]
  /** Stored grid; undefined: no positions. */
  grid?: [height: number, width: number] | undefined
  resize?: { antialias: boolean; alignCorners: boolean }
  blocks?: number
  preNorm?: boolean
  finalNorm?: boolean
  layerScale?: boolean
  glu?: boolean
  activation?: Activation
  /** q and v with a bias, k without; or none; or all. */
  qkvBias?: 'all' | 'none' | 'no-key'
  patchBias?: boolean
  heads_out?: { in: number; out: number; activation: Activation }[]
  dtype?: DType
}

export interface RandomModel {
  spec: EncoderSpec
  path: string
  /** What a tensor holds once widened to float32, parts one after another; zeros for parts left out. */
  values(tensor: Tensor): Float32Array
}

export function randomModel(options: ModelOptions = {}): RandomModel {
  const { seed = 1, dim = 24, heads = 3, headDim = dim / heads, mlpWidth = 40, dtype = 'f32' } = options
  const [patchHeight, patchWidth] = options.patch ?? [4, 4]
  const random = new Random(seed)
  const file = new WeightFile(dtype)
  const inner = heads * headDim
  const tensor = (name: string, shape: number[], scale: number, offset = 0): Tensor => {
    const count = shape.reduce((a, b) => a * b, 1)
    return [
      file.add(
        name,
        shape,
        random.floats(count, scale).map((value) => value + offset),
      ),
    ]
  }
  const norm = (name: string): Norm => ({ gamma: tensor(`${name}.gamma`, [dim], 0.3, 1), beta: tensor(`${name}.beta`, [dim], 0.3) })
  const linear = (name: string, out: number, into: number, bias = true): Linear => ({
    weight: tensor(`${name}.weight`, [out, into], 1.5 / Math.sqrt(into)),
    ...(bias ? { bias: tensor(`${name}.bias`, [out], 0.3) } : {}),
  })
  const qkv = (name: string): Linear => {
    const parts = ['q', 'k', 'v'].map((part) => linear(`${name}.${part}`, inner, dim, options.qkvBias !== 'none'))
    const weight = parts.flatMap((part) => part.weight)
    if (options.qkvBias === 'none') return { weight }
    const bias = parts.flatMap((part, i): Tensor => {
      return i === 1 && options.qkvBias === 'no-key' ? [{ zeros: [inner], name: `${name}.k.bias` }] : part.bias!
    })
    return { weight, bias }
  }
  const prefix = options.prefix ?? [{ rows: 1, position: true }]
  const positioned = prefix.reduce((rows, token) => rows + (token.position ? token.rows : 0), 0)
  const grid = 'grid' in options ? options.grid : ([3, 3] as const)
  const spec: EncoderSpec = {
    files: [],
    dim,
    heads,
    headDim,
    mlpWidth,
    patchHeight,
    patchWidth,
    patch: {
      weight: tensor('patch.weight', [dim, 3, patchHeight, patchWidth], 1 / Math.sqrt(patchHeight * patchWidth)),
      ...(options.patchBias === false ? {} : { bias: tensor('patch.bias', [dim], 0.3) }),
    },
    prefix: prefix.map(({ rows, position }, i) => ({ value: tensor(`prefix.${i}`, [1, rows, dim], 1), rows, position })),
    ...(grid
      ? {
          position: {
            table: tensor('position', [1, positioned + grid[0] * grid[1], dim], 1),
            gridHeight: grid[0],
            gridWidth: grid[1],
            resize: options.resize ?? { antialias: false, alignCorners: false },
          },
        }
      : {}),
    ...(options.preNorm ? { preNorm: norm('pre') } : {}),
    blocks: Array.from({ length: options.blocks ?? 2 }, (_, i) => ({
      norm1: norm(`${i}.norm1`),
      qkv: qkv(`${i}.qkv`),
      projection: linear(`${i}.projection`, dim, inner),
      ...(options.layerScale ? { scale1: tensor(`${i}.scale1`, [dim], 1) } : {}),
      norm2: norm(`${i}.norm2`),
      fc1: linear(`${i}.fc1`, options.glu ? 2 * mlpWidth : mlpWidth, dim),
      fc2: linear(`${i}.fc2`, dim, mlpWidth),
      ...(options.layerScale ? { scale2: tensor(`${i}.scale2`, [dim], 1) } : {}),
    })),
    glu: options.glu ?? false,
    activation: options.activation ?? 'gelu',
    eps: 1e-6,
    ...(options.finalNorm === false ? {} : { finalNorm: norm('final') }),
    headsOut: (options.heads_out ?? []).map(
      (head, i): Head => ({ ...head, name: `head${i}`, linear: linear(`head${i}`, head.out, head.in) }),
    ),
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    rescale: 1 / 255,
  }
  const path = join(temporaryFolder(), 'weights.bin')
  spec.files.push(path)
  writeFileSync(path, file.bytes())
  return { spec, path, values: (tensor) => file.values(tensor) }
}

/** Tensors one after another, as a weight file holds them; the engine reads no header. */
class WeightFile {
  private readonly chunks: Uint8Array[] = []
  private readonly widened = new Map<string, Float32Array>()
  private size = 0
  constructor(private readonly dtype: DType) {}

  add(name: string, shape: number[], values: Float32Array): Tensor[number] {
    const stored = this.dtype === 'f32' ? new Uint8Array(values.buffer) : new Uint8Array(toBf16(values).buffer)
    if (this.dtype === 'f16') throw new Error('f16 files are made bit by bit in weights.test.ts')
    const part = { file: 0, offset: this.size, shape, dtype: this.dtype, name }
    this.widened.set(name, this.dtype === 'f32' ? values : fromBf16(toBf16(values)))
    this.chunks.push(stored)
    this.size += stored.length
    return part
  }
  bytes(): Uint8Array {
    return Buffer.concat(this.chunks)
  }
  values(tensor: Tensor): Float32Array {
    const parts = tensor.map((part) =>
      'zeros' in part ? new Float32Array(part.zeros.reduce((a, b) => a * b, 1)) : this.widened.get(part.name)!,
    )
    return Float32Array.from(parts.flatMap((part) => [...part]))
  }
}

/** Truncated, not rounded: any 16 bits will do. */
const toBf16 = (values: Float32Array) => Uint16Array.from(new Uint32Array(values.slice().buffer), (bits) => bits >>> 16)
const fromBf16 = (halves: Uint16Array) => new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
