// ONNX Runtime's int8 model, made without Python: vectors stay near those of fp32, and every product with a weight is in int8.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { beforeAll, expect, test } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph } from '../../lib/onnx/graph'
import { encode, type Message, model } from '../../lib/onnx/messages'
import { modelMessage } from '../../lib/onnx/proto'
import { WeightReader } from '../../lib/onnx/values'
import { poolBranches } from '../../lib/pooling'
import { fixture } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { Random } from '../support/seed'
import { load } from './support'

type Model = Message<never> & {
  graph: { node: { opType: string; input: string[] }[]; initializer: { name: string; rawData: Uint8Array }[] }
}
let quantiseProducts: (message: object, largest?: number) => Model
beforeAll(async () => {
  quantiseProducts = (await load<{ quantiseProducts: typeof quantiseProducts }>('inputs/onnx-int8.mjs')).quantiseProducts
})

async function vectors(message: Message<never>, input: Tensor) {
  const session = await InferenceSession.create(Buffer.concat(encode(message, model) as Uint8Array[]))
  const { cls } = await session.run({ pixel_values: input })
  await session.release()
  return cls!.data as Float32Array
}

test.skipIf(!ortLibrary)('dynamic int8 of every linear layer', async () => {
  const checkpoint = await openCheckpoint(fixture('hf-vit-nonsquare'), {})
  const { spec } = checkpoint
  const outputs = { cls: { kind: 'pool', branches: poolBranches('cls', checkpoint), normalize: false, layer: -1 } } as const
  const graph = buildGraph(spec, { input: 'float32', outputs, type: 'float32', fused: false, position: 'weight' })
  const reader = await WeightReader.open(spec)
  const bytes = new Map<object, Uint8Array>()
  for (const weight of graph.weights) bytes.set(weight, await reader.bytes(weight))
  await reader.close()
  const exact = modelMessage(graph, (weight) => ({ raw: bytes.get(weight)! })) as Model
  const narrow = quantiseProducts(exact)

  const products = exact.graph.node.filter(
    ({ opType, input }) => opType === 'MatMul' && exact.graph.initializer.some(({ name }) => name === input[1]),
  )
  const count = (message: Model, op: string) => message.graph.node.filter(({ opType }) => opType === op).length
  expect(products.length).toBe(6 * spec.blocks.length)
  expect(count(narrow, 'MatMulInteger')).toBe(products.length)
  expect(count(narrow, 'DynamicQuantizeLinear')).toBe(new Set(products.map(({ input }) => input[0])).size)

  const largest = (message: Model) =>
    Math.max(
      ...message.graph.initializer
        .filter(({ name }) => name.endsWith('_quantized'))
        .flatMap(({ rawData }) => [...new Int8Array(rawData.buffer, rawData.byteOffset, rawData.byteLength)].map(Math.abs)),
    )
  expect([largest(narrow), largest(quantiseProducts(exact, 64))]).toEqual([127, 64]) // 2·255·64 fits int16

  const [height, width] = [spec.position!.gridHeight * spec.patchHeight, spec.position!.gridWidth * spec.patchWidth]
  const input = new Tensor('float32', new Random(5).floats(2 * 3 * height * width), [2, 3, height, width])
  const [a, b] = [await vectors(exact, input), await vectors(narrow, input)]
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  expect(cosine).toBeGreaterThan(0.99)
  expect(cosine).toBeLessThan(1 - 1e-9) // it is not the same model
})
