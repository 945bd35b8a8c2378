// The bytes of a model, read back by a reader that knows protobuf's wire format alone.
import { BinaryReader, WireType } from '@protobuf-ts/runtime'
import { expect, it } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph } from '../../lib/onnx/graph'
import { lengthOf } from '../../lib/onnx/messages'
import { modelBytes, modelPieces } from '../../lib/onnx/proto'
import { fixture } from '../support/fixtures'
import { everyOutput, plain } from './support'

/** Field number → values, as they are on the wire: numbers, or bytes. */
function fields(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const reader = new BinaryReader(bytes)
  const found = new Map<number, (number | Uint8Array)[]>()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const value = type === WireType.Varint ? Number(reader.int64()) : type === WireType.Bit32 ? reader.float() : reader.bytes()
    found.set(number, [...(found.get(number) ?? []), value])
  }
  return found
}
const messages = (message: Map<number, (number | Uint8Array)[]>, number: number) =>
  (message.get(number) ?? []).map((bytes) => fields(bytes as Uint8Array))
const text = (message: Map<number, (number | Uint8Array)[]>, number: number) =>
  Buffer.from(message.get(number)?.[0] as Uint8Array).toString()

it('has every field under the number that onnx.proto gives it, with weights inside or beside the model', async () => {
  const checkpoint = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
  const graph = buildGraph(checkpoint.spec, { ...plain, fused: true, type: 'float16', outputs: everyOutput(checkpoint) })
  const bytes = modelBytes(
    graph,
    ({ name }) => (name === 'position' ? { location: 'weights.bin', offset: 4096, length: 64 } : { raw: Uint8Array.of(1, 2, 3, 4) }),
    { producerVersion: '1.2.3', metadata: { kind: 'test' } },
  )
  const model = fields(bytes)
  expect(model.get(1)).toEqual([8])
  expect([text(model, 2), text(model, 3)]).toEqual(['vitrine', '1.2.3'])
  expect(messages(model, 8).map((set) => [text(set, 1), set.get(2)])).toEqual([
    ['', [17]],
    ['com.microsoft', [1]],
  ])
  expect(messages(model, 14).map((entry) => [text(entry, 1), text(entry, 2)])).toEqual([['kind', 'test']])
  const [encoder] = messages(model, 7)
  const tensors = messages(encoder!, 5)
  const tensor = (name: string) => tensors.find((found) => text(found, 8) === name)!
  const { dim } = checkpoint.spec
  expect(tensor('patch.bias').get(1)).toEqual([dim])
  expect(tensor('patch.bias').get(2)).toEqual([10])
  expect(tensor('finalNorm.gamma').get(2)).toEqual([1])
  expect([...(tensor('patch.bias').get(9)![0] as Uint8Array)]).toEqual([1, 2, 3, 4])
  expect(tensor('position').get(14)).toEqual([1])
  expect(messages(tensor('position'), 13).map((entry) => [text(entry, 1), text(entry, 2)])).toEqual([
    ['location', 'weights.bin'],
    ['offset', '4096'],
    ['length', '64'],
  ])
  const nodes = messages(encoder!, 1)
  expect(nodes).toHaveLength(graph.nodes.length)
  expect(nodes.map((node) => text(node, 4))).toEqual(graph.nodes.map(({ op }) => op))
  const skip = nodes.find((node) => text(node, 4) === 'SkipLayerNormalization')!
  expect(text(skip, 7)).toBe('com.microsoft')
  expect(skip.get(2)!.map((name) => (name as Uint8Array).length > 0)).toEqual([true, false, false, true])
  const [epsilon] = messages(skip, 5)
  expect([text(epsilon!, 1), epsilon!.get(20), epsilon!.get(2)]).toEqual(['epsilon', [1], [Math.fround(checkpoint.spec.eps)]])
  const [input] = messages(encoder!, 11)
  expect(text(input!, 1)).toBe('pixel_values')
  const dims = messages(messages(messages(messages(input!, 2)[0]!, 1)[0]!, 2)[0]!, 1)
  expect([text(dims[0]!, 2), dims[1]!.get(1)]).toEqual(['batch', [3]])
  expect(messages(encoder!, 12).map((output) => text(output, 1))).toEqual(graph.outputs.map(({ name }) => name))
})

it('is the same message when the weights are streamed into it', async () => {
  const checkpoint = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
  const graph = buildGraph(checkpoint.spec, { ...plain, outputs: everyOutput(checkpoint) })
  const filled = (length: number) => new Uint8Array(length).fill(7)
  const count = (dims: number[]) => 4 * dims.reduce((a, b) => a * b, 1)
  const pieces = modelPieces(graph, () => 'streamed')
  const joined = Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : filled(piece.length))))
  expect(joined.length).toBe(lengthOf(pieces))
  expect(joined.equals(modelBytes(graph, ({ dims }) => ({ raw: filled(count(dims)) })))).toBe(true)
})
