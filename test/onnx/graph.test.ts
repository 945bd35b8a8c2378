// The graphs of lib/onnx, evaluated operator by operator, give what the reference library gave.
import { describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph, type Graph } from '../../lib/onnx/graph'
import { modelProto } from '../../lib/onnx/proto'
import { WeightReader } from '../../lib/onnx/values'
import type { EncoderSpec } from '../../lib/spec'
import { type Fixture, fixture, fixtures, ownFixtures, temporaryFolder } from '../support/fixtures'
import { evaluate, type Value } from '../support/onnx'
import { values } from '../support/safetensors'
import { expectWithin } from '../support/tolerance'

const options = { input: 'pixel_values', outputs: { tokens: 'tokens', cls: 'cls' } } as const

function run(spec: EncoderSpec, graph: Graph, pixels: Value): Record<string, Value> {
  const reader = new WeightReader(spec.files)
  try {
    return evaluate(graph, (weight) => reader.read(weight), { pixel_values: pixels })
  } finally {
    reader.close()
  }
}

/** undefined for a checkpoint of VITRINE_FIXTURES that vitrine cannot open (yet); the parity tests judge that. */
async function openKnown({ source, folder }: Fixture): Promise<Checkpoint | undefined> {
  if (folder.startsWith(ownFixtures)) return openCheckpoint(source, {})
  return openCheckpoint(source, {}).catch(() => undefined)
}

const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0)

describe('buildGraph', () => {
  let compared = 0
  for (const test of fixtures()) {
    const { name, golden, tensors } = test
    it(name, async (context) => {
      const expected = tensors()
      const opened = golden.refuse ? undefined : await openKnown(test)
      const pixels = expected.pixel_values
      if (!opened?.spec.position || !opened.hasCls || !pixels) return context.skip('not for this graph')
      const { spec } = opened
      const graph = buildGraph(spec, options)
      const [, , height, width] = graph.inputs[0]!.dims
      if (pixels.shape[2] !== height || pixels.shape[3] !== width) return context.skip('at another size than its own')
      const found = run(spec, graph, { dims: pixels.shape, data: Float64Array.from(values(pixels)) })
      for (const key of ['tokens', 'cls'] as const) {
        const reference = expected[key]
        if (!reference) continue
        compared++
        expect(found[key]!.dims, key).toEqual(reference.shape)
        const wanted = values(reference)
        const limit = (golden.tolerance ?? 1e-4) * largest(wanted)
        expectWithin(found[key]!.data, wanted, () => limit, key)
      }
    })
  }
  it('compared something', () => expect(compared).toBeGreaterThan(4))

  it('puts prefix tokens without a position after those with one, untouched', async () => {
    const { spec } = await openCheckpoint(fixture('hf-dinov2-registers-larger-input'), {})
    const registers = spec.prefix[1]!
    expect(registers.position).toBe(false)
    const graph = buildGraph({ ...spec, blocks: [], preNorm: undefined, finalNorm: undefined } as unknown as EncoderSpec, options)
    const dims = [2, ...(graph.inputs[0]!.dims.slice(1) as number[])]
    const pixels = { dims, data: new Float64Array(dims.reduce((a, b) => a * b)).map((_, i) => Math.sin(i)) }
    const { tokens } = run(spec, graph, pixels)
    const reader = new WeightReader(spec.files)
    const read = (weight: string) => reader.read(graph.weights.find(({ name }) => name === weight)!)
    const [cls, table, value] = [read('prefix.0'), read('position'), read('prefix.1')]
    reader.close()
    const { dim } = spec
    const rows = tokens!.dims[1]!
    for (const image of [0, 1]) {
      const row = (i: number) => Array.from(tokens!.data.subarray((image * rows + i) * dim, (image * rows + i + 1) * dim))
      expect(row(0)).toEqual(Array.from(cls, (v, i) => v + table[i]!))
      for (let i = 0; i < registers.rows; i++) expect(row(1 + i)).toEqual(Array.from(value.subarray(i * dim, (i + 1) * dim)))
    }
  })

  it('refuses a model whose size it cannot know, and cls where there is none', async () => {
    const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const without = (key: 'position' | 'prefix') => ({ ...spec, [key]: key === 'prefix' ? [] : undefined }) as unknown as EncoderSpec
    expect(() => buildGraph(without('position'), options)).toThrow(/no position table/)
    expect(() => buildGraph(without('prefix'), options)).toThrow(/no CLS token/)
  })
})

describe('WeightReader', () => {
  const part = (shape: number[], dtype: 'f32' | 'f16' | 'bf16', offset: number) => ({ file: 0, offset, shape, dtype, name: dtype })
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x3f80, 0xc000, 0x0001, 0x7f7f)
  const file = () => {
    const folder = temporaryFolder({ weights: new Uint8Array(bits.buffer) })
    return `${folder}/weights`
  }

  it('widens f16 and bf16, and puts zeros where the file has nothing', () => {
    const reader = new WeightReader([file()])
    const tensor = [part([1, 4], 'f16', 0), { zeros: [1, 4], name: 'no bias' }, part([1, 4], 'bf16', 8)]
    const rows = reader.read({ name: 'w', dims: [3, 4], tensor, transpose: false })
    expect(Array.from(rows)).toEqual([1, -2, 2 ** -24, 65504, 0, 0, 0, 0, 1, -2, 2 ** -133, (2 - 2 ** -7) * 2 ** 127])
    const columns = reader.read({ name: 'w', dims: [4, 3], tensor, transpose: true })
    expect(Array.from(columns.subarray(0, 6))).toEqual([1, 0, 1, -2, 0, -2])
    reader.close()
  })

  it('refuses parts that do not fill the weight, or a file that ends early', () => {
    const reader = new WeightReader([file()])
    const read = (rows: number, ...tensor: ReturnType<typeof part>[]) =>
      reader.read({ name: 'w', dims: [rows, 4], tensor, transpose: false })
    expect(() => read(2, part([1, 4], 'f16', 0))).toThrow(/needs \[2,4\], found f16 \[1,4\]/)
    expect(() => read(1, part([1, 4], 'f16', 0), part([1, 4], 'f16', 8))).toThrow(/needs \[1,4\]/)
    expect(() => read(1, part([1, 4], 'f32', 8))).toThrow(/expected 16 bytes, found 8/)
    reader.close()
  })
})

describe('modelProto', () => {
  it('names every field as onnx.proto does, with weights inside or beside the model', async () => {
    const { spec } = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
    const graph = buildGraph(spec, options)
    const message = modelProto(graph, '1.2.3', ({ name }) =>
      name === 'position' ? { location: 'weights.bin', offset: 4096, length: 64 } : { raw: new Uint8Array(4) },
    )
    expect(message).toMatchObject({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], producerVersion: '1.2.3' })
    const find = (name: string) => message.graph.initializer.find((tensor) => tensor.name === name)
    expect(find('patch.bias')).toMatchObject({ dataType: 1, rawData: new Uint8Array(4) })
    expect(find('position')).toMatchObject({
      dataLocation: 1,
      externalData: [
        { key: 'location', value: 'weights.bin' },
        { key: 'offset', value: '4096' },
        { key: 'length', value: '64' },
      ],
    })
    expect(message.graph.input[0]!.type.tensorType.shape.dim[0]).toEqual({ dimParam: 'batch' })
  })
})
