// Pixels → tokens [B, T, D]: normalised where they come as bytes, patches by a convolution, positions, prefix rows in front, the norm
// before the first block. Before it: graph.ts; after it: blocks.ts. Letters: B images, T tokens, N patches, D width, PH×PW patch.
import type { Size } from '../families/family'
import type { EncoderSpec } from '../spec'
import { type Builder, END } from './builder'
import type { FloatType, GraphOptions, Port } from './graph'

/** Rows of the position table that belong to prefix entries; those of the patches follow. */
export const positionedRows = (spec: EncoderSpec) => spec.prefix.reduce((rows, entry) => rows + (entry.position ? entry.rows : 0), 0)

/** The grid of patches that the graph is for; undefined where it takes any. */
export function gridOf(spec: EncoderSpec, { position, size }: Pick<GraphOptions, 'position' | 'size'>): Size | undefined {
  if (position === 'input') return undefined
  if (size) return { height: size.height / spec.patchHeight, width: size.width / spec.patchWidth }
  return spec.position && { height: spec.position.gridHeight, width: spec.position.gridWidth }
}

/** The input of the pictures; height and width by name where they may be any. */
export function pixelPort(spec: EncoderSpec, name: string, input: GraphOptions['input'], grid: Size | undefined): Port {
  const height = grid ? grid.height * spec.patchHeight : 'height'
  const width = grid ? grid.width * spec.patchWidth : 'width'
  return { name, type: input, dims: input === 'uint8' ? ['batch', height, width, 3] : ['batch', 3, height, width] }
}

/** uint8 [B, H, W, 3] → float32 [B, 3, H, W], (value · rescale − mean) / std, as one product and one sum. */
function normalise(g: Builder, bytes: string, { mean, std, rescale }: EncoderSpec): string {
  const planes = g.cast(g.transpose(bytes, [0, 3, 1, 2]), 'uint8', 'float32')
  const factors = std.map((s) => rescale / s)
  const shifts = mean.map((m, c) => -m / std[c]!)
  const scaled = g.add('Mul', [planes, g.floats(factors, [3, 1, 1], 'float32')])
  return g.add('Add', [scaled, g.floats(shifts, [3, 1, 1], 'float32')])
}

/** [B, 3, H, W] → [B, N, D]. In float32 where the rest is bfloat16: no provider of ONNX Runtime 1.16 has that convolution. */
function patches(g: Builder, planes: string, { dim, patch, patchHeight, patchWidth }: EncoderSpec): string {
  const type: FloatType = g.type === 'bfloat16' ? 'float32' : g.type
  const kernel = g.weight('patch.weight', patch.weight, [dim, 3, patchHeight, patchWidth], { type })
  const bias = patch.bias ? [g.weight('patch.bias', patch.bias, [dim], { type })] : []
  const attributes = [
    { name: 'kernel_shape', ints: [patchHeight, patchWidth] },
    { name: 'strides', ints: [patchHeight, patchWidth] },
  ]
  const map = g.add('Conv', [g.cast(planes, 'float32', type), kernel, ...bias], { attributes })
  return g.cast(g.transpose(g.reshape(map, [0, dim, -1]), [0, 2, 1]), type, g.type)
}

/** The name of the position table in the graph, in its type, and the input that it is, if it is one. */
function positions(g: Builder, spec: EncoderSpec, { position: kind, size }: GraphOptions): { table: string; port?: Port } | undefined {
  const { position, dim } = spec
  if (!position) return undefined
  const prefix = positionedRows(spec)
  if (kind === 'input') {
    const port: Port = { name: 'position', type: 'float32', dims: [1, 'positions', dim] }
    return { table: g.cast(port.name, 'float32', g.type), port }
  }
  const stored = { height: position.gridHeight, width: position.gridWidth }
  const wanted = gridOf(spec, { position: kind, ...(size && { size }) })!
  const same = wanted.height === stored.height && wanted.width === stored.width
  const dims = [1, prefix + wanted.height * wanted.width, dim]
  return { table: g.weight('position', position.table, dims, same ? {} : { grid: { stored, wanted, resize: position.resize } }) }
}

/** The tokens before the first block, and what the graph takes. */
export function embed(g: Builder, spec: EncoderSpec, options: GraphOptions): { tokens: string; inputs: Port[] } {
  const { dim } = spec
  const pixels = pixelPort(spec, options.inputName ?? 'pixel_values', options.input, gridOf(spec, options))
  const planes = options.input === 'uint8' ? normalise(g, pixels.name, spec) : pixels.name
  let tokens = patches(g, planes, spec)

  const prefixed = positionedRows(spec)
  const position = positions(g, spec, options)
  if (position) tokens = g.add('Add', [tokens, prefixed > 0 ? g.rows(position.table, prefixed, END, 1) : position.table])

  let row = 0
  const entries = spec.prefix.flatMap((entry, i) => {
    if (entry.rows === 0) return []
    const value = g.weight(`prefix.${i}`, entry.value, [1, entry.rows, dim])
    if (!entry.position || !position) return [value]
    row += entry.rows
    return [g.add('Add', [value, g.rows(position.table, row - entry.rows, row, 1)])]
  })
  if (entries.length > 0) {
    const batch = g.rows(g.add('Shape', [pixels.name]), 0, 1, 0)
    const shape = g.concat([batch, g.ints([1, 1])], 0)
    tokens = g.concat([g.add('Expand', [g.concat(entries, 1), shape]), tokens], 1)
  }
  if (spec.preNorm) tokens = g.norm('preNorm', tokens, spec.preNorm, dim, spec.eps)
  return { tokens, inputs: position?.port ? [pixels, position.port] : [pixels] }
}
