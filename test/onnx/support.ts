// What the tests of lib/onnx share: fixtures that open, the outputs that goldens are of, and a graph run by the evaluator.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { openCheckpoint, type SpecCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph, type Graph, type GraphOptions } from '../../lib/onnx/graph'
import { modelBytes, type WeightData } from '../../lib/onnx/proto'
import { WeightReader } from '../../lib/onnx/values'
import { availablePools, poolBranches } from '../../lib/pooling'
import type { EncoderSpec, Output } from '../../lib/spec'
import { type Fixture, ownFixtures } from '../support/fixtures'
import { evaluate, type Value } from '../support/onnx'
import { type Entry, values } from '../support/safetensors'
import { expectWithin } from '../support/tolerance'

export { Tensor }

export const plain: GraphOptions = { input: 'float32', outputs: {}, type: 'float32', fused: false, position: 'weight' }

/** undefined for a checkpoint of VITRINE_FIXTURES that vitrine cannot open (yet), and for graphs; the parity tests judge that. */
export async function openKnown({ name, source, folder, golden }: Fixture): Promise<SpecCheckpoint | undefined> {
  if (golden.refuse || name.startsWith('onnx-')) return undefined
  if (folder.startsWith(ownFixtures)) return openCheckpoint(source, {})
  const opened = await openCheckpoint(source, {}).catch(() => undefined)
  return opened?.spec?.patch ? opened : undefined
}

/** Every pool the checkpoint has and its attention, by the names of the goldens. */
export function everyOutput(checkpoint: SpecCheckpoint): Record<string, Output> {
  const outputs: Record<string, Output> = {}
  for (const pool of availablePools(checkpoint))
    outputs[pool] = { kind: 'pool', branches: poolBranches(pool, checkpoint), normalize: false, layer: -1 }
  if (checkpoint.hasCls) outputs.cls_attention = { kind: 'attention' }
  return outputs
}

/** The graph of a fixture at the size of its pixel values, with every output, and what it takes; undefined where there is none. */
export async function graphOf(test: Fixture, options: Partial<GraphOptions>) {
  const opened = await openKnown(test)
  const { pixel_values: pixels } = test.tensors()
  if (!opened || !pixels) return undefined
  const { spec } = opened
  const size = { height: pixels.shape[2]!, width: pixels.shape[3]! }
  const given = { ...plain, ...options, outputs: everyOutput(opened) }
  const graph = buildGraph(spec, given.position === 'weight' ? { ...given, size } : given)
  const position = given.position === 'input' && spec.position ? await positionInput(spec, pixels.shape) : undefined
  return { spec, graph, pixels, position }
}

export async function run(spec: EncoderSpec, graph: Graph, inputs: Record<string, Value>): Promise<Record<string, Value>> {
  const reader = await WeightReader.open(spec)
  try {
    return await evaluate(graph, (weight) => reader.floats(weight), inputs)
  } finally {
    await reader.close()
  }
}

/** The table of the grid of these pixels, as a graph with position 'input' takes it. */
export async function positionInput(spec: EncoderSpec, [, , height, width]: number[]): Promise<Value> {
  const size = { height: height!, width: width! }
  const tokens: Output = {
    kind: 'pool',
    branches: [{ terms: [{ row: 0, count: -1, mean: false, afterNorm: false }], head: -1 }],
    normalize: false,
    layer: 0,
  }
  const table = buildGraph(spec, { ...plain, size, outputs: { tokens } }).weights.find(({ name }) => name === 'position')!
  const reader = await WeightReader.open(spec)
  try {
    return { dims: table.dims, data: Float64Array.from(await reader.floats(table)) }
  } finally {
    await reader.close()
  }
}

export const toValue = (entry: Entry): Value => ({ dims: entry.shape, data: Float64Array.from(values(entry)) })
const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0)

/** Compares the goldens among these results; gives how many there were. */
export function expectGoldens(found: Record<string, { dims: readonly number[]; data: ArrayLike<number> }>, test: Fixture): number {
  let compared = 0
  for (const [name, golden] of Object.entries(test.tensors())) {
    const result = found[name]
    if (!result) continue
    compared++
    const wanted = values(golden)
    const limit = (test.golden.tolerance ?? 1e-4) * largest(wanted)
    if (`${result.dims}` !== `${golden.shape}`) throw new Error(`${name}: [${result.dims}], expected [${golden.shape}]`)
    expectWithin(result.data, wanted, () => limit, name)
  }
  return compared
}

type Results = Record<string, { dims: readonly number[]; data: Float32Array }>

/** The graph in ONNX Runtime, through its own JavaScript package. */
export async function runInOrt(spec: EncoderSpec, graph: Graph, feeds: Record<string, Tensor>): Promise<Results> {
  const reader = await WeightReader.open(spec)
  const data = new Map<string, Exclude<WeightData, 'streamed'>>()
  for (const weight of graph.weights) data.set(weight.name, { raw: await reader.bytes(weight) })
  await reader.close()
  const bytes = modelBytes(graph, ({ name }) => data.get(name)!)
  // Its warnings, about constants that could be folded and the like, are not errors here.
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  try {
    if (`${session.inputNames}` !== `${graph.inputs.map(({ name }) => name)}`) throw new Error(`inputs are ${session.inputNames}`)
    const results = await session.run(feeds)
    return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data: data as Float32Array }]))
  } finally {
    await session.release()
  }
}
