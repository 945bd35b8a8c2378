// Shared by the families: names of tensors as data → blocks, prefix tokens and positions of a spec. Before it: a family's file; after it:
// nothing. Every role has the names that it goes by in files, oldest first: transformers 5 renamed modules, and both kinds of file are
// about. Letters: D width, F MLP width, PH×PW patch.
import type { TensorSource } from '../checkpoint/tensors'
import { VitrineError } from '../errors'
import type { Activation, Block, EncoderSpec, Linear, Norm, PoolTerm, PositionResize, Tensor } from '../spec'
import type { Config } from './config'
import type { Size } from './family'

/** What one role is called, without ".weight" and ".bias"; the first that is there is meant. */
export type Names = readonly string[]

export interface BlockNames {
  /** With {i} for the number of the block. */
  prefix: Names
  norm1: Names
  /** Three linear layers, or one of them all with these names of weight and bias. */
  qkv: { query: Names; key: Names; value: Names } | { weight: Names; bias: Names }
  projection: Names
  scale1?: Names
  norm2: Names
  fc1: Names
  fc2: Names
  scale2?: Names
  /** Gated MLP: one layer with the gate rows first, or two. */
  glu?: { both: Names; gate: Names; value: Names; out: Names }
}
export interface EncoderNames {
  patch: Names
  /** Tokens before the patches, in order; `position` where the table has rows for them. */
  prefix: readonly { names: Names; position: boolean }[]
  position: Names
  preNorm?: Names
  block: BlockNames
  finalNorm: Names
}

/** What a config says, or the shapes where there is none. */
export interface EncoderShape {
  dim: number
  heads: number
  layers: number
  mlpWidth: number
  patch: Size
  image: Size
  patchBias: boolean
  qkvBias: boolean
  glu: boolean
  activation: Activation
  eps: number
  resize: PositionResize
}

/** The tensors under a prefix such as "vit.", by role. */
export class View {
  constructor(
    readonly tensors: TensorSource,
    readonly prefix: string,
  ) {}

  /** Of prefixes that a library writes or leaves out, the first that some tensor has. */
  static under(tensors: TensorSource, prefixes: Names): View {
    const names = tensors.names()
    return new View(tensors, prefixes.find((prefix) => names.some((name) => name.startsWith(prefix))) ?? '')
  }

  has(names: Names, end = ''): boolean {
    return names.some((name) => this.tensors.has(this.prefix + name + end))
  }
  /** The full stored name; ERR_TENSOR_MISSING lists every name that would have done. */
  find(names: Names, end = ''): string {
    const all = names.map((name) => this.prefix + name + end)
    const found = all.find((name) => this.tensors.has(name))
    if (found !== undefined) return found
    const others = all.length > 1 ? ` (it may also be called ${all.slice(1).join(' or ')})` : ''
    throw new VitrineError('ERR_TENSOR_MISSING', `${this.tensors.name}: tensor ${all[0]} is missing${others}`)
  }
  shape(names: Names, end = ''): number[] {
    return this.tensors.shape(this.find(names, end))
  }
  take(names: Names, end: string, shape: readonly (number | undefined)[]): Tensor {
    return this.tensors.take(this.find(names, end), shape)
  }
  linear(names: Names, out: number, input: number, bias = true): Linear {
    const weight = this.take(names, '.weight', [out, input])
    return bias ? { weight, bias: this.take(names, '.bias', [out]) } : { weight }
  }
  norm(names: Names, dim: number): Norm {
    return { gamma: this.take(names, '.weight', [dim]), beta: this.take(names, '.bias', [dim]) }
  }
  /** A table of `rows` rows (any number where undefined), stored as [rows, D] or [1, rows, D]; a lone row also as [D]. */
  rows(names: Names, end: string, dim: number, rows?: number): { table: Tensor; rows: number } {
    const name = this.find(names, end)
    const shape = this.tensors.shape(name)
    const stored = shape.length === 1 ? 1 : shape.at(-2)!
    const wanted = shape.length === 1 ? [dim] : [...shape.slice(0, -2).map(() => 1), rows, dim]
    const table = this.tensors.take(name, wanted)
    return { table, rows: stored }
  }

  /** Blocks in the file, counted by the numbers in their names. */
  layers(prefixes: Names): number {
    const patterns = prefixes.map((prefix) => new RegExp(`^${escaped(this.prefix + prefix).replace('\\{i\\}', '(\\d+)')}`))
    let count = 0
    for (const name of this.tensors.names()) {
      for (const pattern of patterns) count = Math.max(count, Number(pattern.exec(name)?.[1] ?? -1) + 1)
    }
    return count
  }
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** [out, in] of the patch convolution, checked to be one: [D, 3, PH, PW]. */
export function patchShape(view: View, names: EncoderNames): { dim: number; patch: Size } {
  const name = view.find(names.patch, '.weight')
  const [dim, channels, height, width] = view.tensors.shape(name) as [number, number, number, number]
  if (view.tensors.shape(name).length !== 4 || channels !== 3) view.tensors.take(name, [undefined, 3, undefined, undefined])
  return { dim, patch: { height, width } }
}

export const gridOf = (image: Size, patch: Size): Size => ({
  height: Math.floor(image.height / patch.height),
  width: Math.floor(image.width / patch.width),
})

/** Rows of the position table that belong to prefix tokens. */
const positionedPrefix = (names: EncoderNames) => names.prefix.filter((token) => token.position).length

/**
 * Holds what the config says against the shapes in the file: ERR_CONFIG_MISMATCH names the field, what it asks for and what is there.
 * `mlpField` is the field that the MLP's width comes from.
 */
export function agree(config: Config, view: View, names: EncoderNames, shape: EncoderShape, mlpField: string): void {
  const { dim, patch } = shape
  const channels = config.integer('num_channels', 3)
  if (channels !== 3) {
    throw new VitrineError(
      'ERR_CHECKPOINT_UNSUPPORTED',
      `${config.file}: num_channels is ${channels}: vitrine computes images of 3 channels`,
    )
  }
  const differ = (field: string, expected: string | number, found: string | number, what: string) => {
    if (expected !== found) throw config.mismatch(field, `${what} ${expected}`, `${found}`)
  }
  const stored = patchShape(view, names)
  differ('hidden_size', dim, stored.dim, 'width')
  differ('patch_size', `${patch.height}×${patch.width}`, `${stored.patch.height}×${stored.patch.width}`, 'a patch of')

  const positions = view.shape(names.position, positionEnd(view, names))
  const grid = gridOf(shape.image, patch)
  const prefix = positionedPrefix(names)
  const rows = `${prefix} + ${grid.height}·${grid.width} = ${prefix + grid.height * grid.width}`
  if (positions.at(-2) !== prefix + grid.height * grid.width) {
    throw config.mismatch('image_size', `${rows} positions for patches of ${patch.height}×${patch.width}`, `${positions.at(-2) ?? 'none'}`)
  }
  differ('num_hidden_layers', shape.layers, view.layers(names.block.prefix), 'number of blocks')

  const block = names.block.prefix.map((prefix) => prefix.replace('{i}', '0'))
  const under = (roles: Names) => block.flatMap((prefix) => roles.map((role) => prefix + role))
  const plain = view.has(under(names.block.fc1), '.weight')
  if (names.block.glu && shape.glu === plain) {
    throw config.mismatch('use_swiglu_ffn', shape.glu ? 'a gated MLP' : 'a plain MLP', plain ? 'a plain one' : 'a gated one')
  }
  const inner = shape.glu ? under(names.block.glu!.out) : under(names.block.fc2)
  differ(mlpField, shape.mlpWidth, view.shape(inner, '.weight')[1] ?? 0, 'MLP width')
  if ('query' in names.block.qkv && !shape.qkvBias && view.has(under(names.block.qkv.query), '.bias')) {
    throw config.mismatch('qkv_bias', 'no bias of query, key and value', view.find(under(names.block.qkv.query), '.bias'))
  }
}

/** A position table is a parameter of its own, or the weight of an embedding. */
const positionEnd = (view: View, names: EncoderNames) => (view.has(names.position, '.weight') ? '.weight' : '')

/** Takes every tensor of the encoder and says what it is for; heads are added by the family. */
export function readEncoder(view: View, names: EncoderNames, shape: EncoderShape): Omit<EncoderSpec, 'files' | 'mean' | 'std' | 'rescale'> {
  const { dim, patch } = shape
  const grid = gridOf(shape.image, patch)
  const patchWeight = view.take(names.patch, '.weight', [dim, 3, patch.height, patch.width])
  const blocks: Block[] = []
  for (let i = 0; i < shape.layers; i++) blocks.push(readBlock(view, names.block, i, shape))
  return {
    dim,
    heads: shape.heads,
    headDim: dim / shape.heads,
    mlpWidth: shape.mlpWidth,
    patchHeight: patch.height,
    patchWidth: patch.width,
    patch: shape.patchBias ? { weight: patchWeight, bias: view.take(names.patch, '.bias', [dim]) } : { weight: patchWeight },
    prefix: names.prefix.map((token) => {
      const { table, rows } = view.rows(token.names, '', dim, token.position ? 1 : undefined)
      return { value: table, rows, position: token.position }
    }),
    position: {
      table: view.rows(names.position, positionEnd(view, names), dim, positionedPrefix(names) + grid.height * grid.width).table,
      gridHeight: grid.height,
      gridWidth: grid.width,
      resize: shape.resize,
    },
    ...(names.preNorm && { preNorm: view.norm(names.preNorm, dim) }),
    blocks,
    glu: shape.glu,
    activation: shape.activation,
    eps: shape.eps,
    finalNorm: view.norm(names.finalNorm, dim),
    headsOut: [],
  }
}

function readBlock(view: View, names: BlockNames, i: number, shape: EncoderShape): Block {
  const { dim, mlpWidth, qkvBias } = shape
  const numbered = names.prefix.map((prefix) => prefix.replace('{i}', String(i)))
  const of = (roles: Names) => numbered.flatMap((prefix) => roles.map((role) => prefix + role))
  const stacked = (parts: Linear[]): Linear => {
    const biases = parts.flatMap((part) => part.bias ?? [])
    return { weight: parts.flatMap((part) => part.weight), ...(biases.length > 0 && { bias: biases }) }
  }
  const scale = (roles: Names | undefined) => roles && view.take(of(roles), '', [dim])
  const { qkv, glu } = names
  const scale1 = scale(names.scale1)
  const scale2 = scale(names.scale2)
  return {
    norm1: view.norm(of(names.norm1), dim),
    qkv:
      'weight' in qkv
        ? { weight: view.take(of(qkv.weight), '', [3 * dim, dim]), bias: view.take(of(qkv.bias), '', [3 * dim]) }
        : stacked([qkv.query, qkv.key, qkv.value].map((roles) => view.linear(of(roles), dim, dim, qkvBias))),
    projection: view.linear(of(names.projection), dim, dim),
    ...(scale1 && { scale1 }),
    norm2: view.norm(of(names.norm2), dim),
    fc1: !shape.glu
      ? view.linear(of(names.fc1), mlpWidth, dim)
      : view.has(of(glu!.both), '.weight')
        ? view.linear(of(glu!.both), 2 * mlpWidth, dim)
        : stacked([glu!.gate, glu!.value].map((roles) => view.linear(of(roles), mlpWidth, dim))),
    fc2: view.linear(of(shape.glu ? glu!.out : names.fc2), dim, mlpWidth),
    ...(scale2 && { scale2 }),
  }
}

/** Terms that poolers and classifiers read: one token, or the mean of the patches. */
export const tokenTerm = (row: number): PoolTerm => ({ row, count: 1, mean: false, afterNorm: true })
export const patchMean = (prefixRows: number, afterNorm = true): PoolTerm => ({ row: prefixRows, count: -1, mean: true, afterNorm })
