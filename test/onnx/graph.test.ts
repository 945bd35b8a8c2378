// The graphs of lib/onnx, evaluated operator by operator, give what the reference library gave.
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph, type GraphOptions } from '../../lib/onnx/graph'
import { WeightReader } from '../../lib/onnx/values'
import type { EncoderSpec, Output, PoolTerm } from '../../lib/spec'
import { fixture, fixtures } from '../support/fixtures'
import type { Value } from '../support/onnx'
import { expectWithin } from '../support/tolerance'
import { expectGoldens, graphOf, plain, run, toValue } from './support'

const kinds: Record<string, Partial<GraphOptions>> = {
  plain: {},
  fused: { fused: true },
  'position as an input': { position: 'input' },
}

for (const [kind, options] of Object.entries(kinds)) {
  describe(`buildGraph, ${kind}`, () => {
    let compared = 0
    for (const test of fixtures()) {
      it(test.name, async (context) => {
        const built = await graphOf(test, options)
        if (!built) return context.skip('not for this graph')
        const { spec, graph, pixels, position } = built
        const inputs: Record<string, Value> = { pixel_values: toValue(pixels), ...(position && { position }) }
        expect(graph.inputs.map(({ name }) => name)).toEqual(Object.keys(inputs))
        const found = await run(spec, graph, inputs)
        compared += expectGoldens(found, test)
        // What the graph says of its outputs is what they are.
        for (const port of graph.outputs)
          port.dims.forEach((n, axis) => {
            if (typeof n === 'number') expect(n, `${port.name} axis ${axis}`).toBe(found[port.name]!.dims[axis])
          })
      })
    }
    it('compared something', () => expect(compared).toBeGreaterThan(20))
  })
}

const pool = (terms: PoolTerm[], more: Partial<Extract<Output, { kind: 'pool' }>> = {}): Output => ({
  kind: 'pool',
  branches: [{ terms, head: -1 }],
  normalize: false,
  layer: -1,
  ...more,
})
const all: PoolTerm = { row: 0, count: -1, mean: false, afterNorm: true }
const cls: PoolTerm = { row: 0, count: 1, mean: false, afterNorm: true }

function close(found: Value, expected: Value): void {
  expect(found.dims).toEqual(expected.dims)
  expectWithin(found.data, expected.data, () => 1e-9, 'values')
}

/** Two images of a checkpoint's own size. */
function noise(spec: EncoderSpec): Value {
  const dims = [2, 3, spec.position!.gridHeight * spec.patchHeight, spec.position!.gridWidth * spec.patchWidth]
  return { dims, data: new Float64Array(dims.reduce((a, b) => a * b)).map((_, i) => Math.sin(i)) }
}

describe('outputs', () => {
  it('puts prefix tokens without a position after those with one, untouched', async () => {
    const { spec } = await openCheckpoint(fixture('hf-dinov2-registers-larger-input'), {})
    const registers = spec.prefix[1]!
    expect(registers.position).toBe(false)
    const bare = { ...spec, blocks: [], preNorm: undefined, finalNorm: undefined } as unknown as EncoderSpec
    const graph = buildGraph(bare, { ...plain, outputs: { tokens: pool([all]) } })
    const { tokens } = await run(spec, graph, { pixel_values: noise(spec) })
    const reader = await WeightReader.open(spec)
    const read = (weight: string) => reader.floats(graph.weights.find(({ name }) => name === weight)!)
    const [cls, table, value] = [await read('prefix.0'), await read('position'), await read('prefix.1')]
    await reader.close()
    const { dim } = spec
    const rows = tokens!.dims[1]!
    for (const image of [0, 1]) {
      const row = (i: number) => Array.from(tokens!.data.subarray((image * rows + i) * dim, (image * rows + i + 1) * dim))
      expect(row(0)).toEqual(Array.from(cls, (v, i) => v + table[i]!))
      for (let i = 0; i < registers.rows; i++) expect(row(1 + i)).toEqual(Array.from(value.subarray(i * dim, (i + 1) * dim)))
    }
  })

  it('reads earlier blocks, before and after the final norm, and gives unit length to rows or to the whole', async () => {
    const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const before: PoolTerm = { ...all, afterNorm: false }
    const outputs = {
      first: pool([before], { layer: 1 }),
      last: pool([before]),
      normed: pool([all], { layer: 1 }),
      unit: pool([all], { normalize: true }),
      both: pool([cls, { row: 1, count: -1, mean: true, afterNorm: true }], { normalize: true }),
      embedded: pool([before], { layer: 0 }),
      run: pool([{ row: 1, count: 2, mean: false, afterNorm: true }]),
    }
    for (const fused of [false, true]) {
      const found = await run(spec, buildGraph(spec, { ...plain, fused, outputs }), { pixel_values: noise(spec) })
      const short = { ...spec, blocks: spec.blocks.slice(0, 1) }
      const cut = await run(spec, buildGraph(short, { ...plain, outputs: { first: outputs.last, normed: pool([all]) } }), {
        pixel_values: noise(spec),
      })
      close(found.first!, cut.first!)
      close(found.normed!, cut.normed!)
      expect(found.embedded!.dims).toEqual(found.last!.dims)
      expect(found.run!.dims).toEqual([2, 2, spec.dim])
      const lengths = (v: Value, width: number) =>
        Array.from({ length: v.data.length / width }, (_, i) => Math.hypot(...v.data.subarray(i * width, (i + 1) * width)))
      for (const length of lengths(found.unit!, spec.dim)) expect(length).toBeCloseTo(1, 9)
      expect(found.both!.dims).toEqual([2, 2 * spec.dim])
      for (const length of lengths(found.both!, 2 * spec.dim)) expect(length).toBeCloseTo(1, 9)
    }
  })

  it('computes nothing that no output reads', async () => {
    const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const names = (outputs: Record<string, Output>) => buildGraph(spec, { ...plain, outputs }).weights.map(({ name }) => name)
    const last = `blocks.${spec.blocks.length - 1}`
    expect(names({ a: pool([all], { layer: 1 }) })).not.toContain(`${last}.fc1.weight`)
    const attention = names({ a: { kind: 'attention' } })
    expect(attention).toContain(`${last}.k.weight`)
    expect(attention).not.toContain(`${last}.projection.weight`)
    expect(attention).not.toContain('finalNorm.gamma')
  })

  it('refuses what the model does not have', async () => {
    const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const build =
      (output: Output, more: Partial<GraphOptions> = {}) =>
      () =>
        buildGraph(spec, { ...plain, ...more, outputs: { a: output } })
    expect(build(pool([{ row: 500, count: 1, mean: false, afterNorm: true }]))).toThrow(/rows 500 to 501 of/)
    expect(build(pool([]))).toThrow(/without terms/)
    expect(build(pool([cls], { layer: 99 }))).toThrow(/layer 99 of/)
    expect(build({ kind: 'pool', branches: [{ terms: [cls], head: 99 }], normalize: false, layer: -1 })).toThrow(/no head 99/)
    expect(build(pool([cls], { branches: [] }))).toThrow(/no branches/)
    expect(build(pool([cls]), { size: { height: spec.patchHeight + 1, width: spec.patchWidth } })).toThrow(/whole patches/)
  })
})

it('normalises pictures as the engine does', async () => {
  const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
  const outputs = { tokens: pool([all]) }
  const { dims } = noise(spec)
  const bytes: Value = {
    dims: [2, dims[2]!, dims[3]!, 3],
    data: new Float64Array(dims.reduce((a, b) => a * b)).map((_, i) => (i * 37) % 256),
  }
  const planes = noise(spec)
  for (let i = 0; i < planes.data.length; i++) {
    const plane = dims[2]! * dims[3]!
    const [image, channel, pixel] = [Math.floor(i / (3 * plane)), Math.floor(i / plane) % 3, i % plane]
    planes.data[i] = (bytes.data[(image * plane + pixel) * 3 + channel]! * spec.rescale - spec.mean[channel]!) / spec.std[channel]!
  }
  const fromBytes = await run(spec, buildGraph(spec, { ...plain, input: 'uint8', inputName: 'pictures', outputs }), { pictures: bytes })
  const fromPlanes = await run(spec, buildGraph(spec, { ...plain, outputs }), { pixel_values: planes })
  close(fromBytes.tokens!, fromPlanes.tokens!)
})
