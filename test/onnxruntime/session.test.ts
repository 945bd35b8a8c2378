// Sessions through the typed door: batches, sizes, types, results, refusals.
import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import { rejects } from '../support/rejects'
import {
  closedAfterEach,
  floats,
  int64s,
  load,
  model as message,
  node,
  options,
  output,
  picture,
  pixels,
  port,
  source,
  sums,
  type Type,
  tensor,
  translated,
} from './support'

const { loaded } = closedAfterEach()
const runs = () => native().counters().onnxRuns
const all = (length: number, job: (i: number) => Promise<unknown>) => Promise.all(Array.from({ length }, (_, i) => job(i)))

test('what the graph says of itself', async () => {
  const model = await loaded(sums({ side: 4 }))
  expect(model.inputs).toEqual([{ name: 'pixels', type: 'float32', dims: ['batch', 3, 4, 4] }])
  expect(model.outputs).toEqual([{ name: 'sum', type: 'float32', dims: ['batch', 3] }])
  expect([model.weightBytes, model.batch]).toEqual([0, 8])
})

test('images of one burst run as one batch, beyond the batch as several', async () => {
  const model = await loaded(sums(), { batch: 4 })
  for (const [burst, batches] of [
    [4, 1],
    [3, 1],
    [10, 3],
  ] as const) {
    const before = runs()
    const sink = new Float32Array(3 * burst)
    await all(burst, (row) => model.run(pixels(4, row), [output('sum')], [sink], row, options(burst)).promise)
    expect([...sink]).toEqual(Array.from({ length: 3 * burst }, (_, i) => 16 * Math.floor(i / 3)))
    expect(runs() - before).toBe(batches)
  }
})

test('an image whose burst does not come is not kept waiting', async () => {
  const model = await loaded(sums())
  const sink = new Float32Array(3)
  await model.run(pixels(4, 1), [output('sum')], [sink], 0, options(8)).promise
  expect([...sink]).toEqual([16, 16, 16])
})

test('sizes run apart, in their order, with results at their rows', async () => {
  const model = await loaded(sums())
  const before = runs()
  const sink = new Float32Array(36)
  const side = (row: number) => 2 + (row % 6)
  await all(12, (row) => model.run(pixels(side(row), 1), [output('sum')], [sink], row, options(2)).promise)
  expect([...sink]).toEqual(Array.from({ length: 36 }, (_, i) => side(Math.floor(i / 3)) ** 2))
  expect(runs() - before).toBeGreaterThanOrEqual(6)
  await model.run(pixels(2, 1, 5), [output('sum')], [sink], 0, options()).promise
  expect(sink[0]).toBe(10)
})

test('a fixed batch is padded, and nobody sees the padding', async () => {
  const model = await loaded(sums({ batch: 4, side: 3 }), { batch: 64 })
  expect(model.batch).toBe(4)
  const sink = new Float32Array(3 * 6).fill(-1)
  const before = runs()
  await all(5, (row) => model.run(pixels(3, row + 1), [output('sum')], [sink], row, options(5)).promise)
  expect([...sink]).toEqual([...Array.from({ length: 15 }, (_, i) => 9 * (Math.floor(i / 3) + 1)), -1, -1, -1])
  expect(runs() - before).toBe(2)
})

test('an image of another size than the graph takes is refused at once', async () => {
  const model = await loaded(sums({ side: 4 }))
  const run = (image = pixels(5, 1)) => translated(() => model.run(image, [output('sum')], [new Float32Array(3)], 0, options()).promise)
  await rejects(run(), 'ERR_IMAGE_SIZE', 'pixels [batch, 3, 4, 4]', '5×5')
  await run(pixels(4, 1))
})

/** Rows of width 3 per image: a float graph that transposes [B, 3, H, W] into tokens [B, H·W, 3]. */
const tokens = (type: Type = 'float32', side: number | string = 'side') =>
  message({
    nodes: [node('Reshape', ['pixels', 'shape'], ['flat']), node('Transpose', ['flat'], ['tokens'], [{ name: 'perm', ints: [0, 2, 1] }])],
    inputs: [port('pixels', type, ['batch', 3, side, side])],
    outputs: [port('tokens', type, ['batch', 'rows', 3])],
    initializers: [tensor('shape', 'int64', [3], int64s([0, 3, -1]))],
  })
const term = (row: number, count: number, mean = false) => ({ row, count, mean, afterNorm: true })

test('rows of tokens, taken, averaged, concatenated and normalised', async () => {
  const model = await loaded(tokens())
  const image = pixels(2, (i) => i + 1) // tokens: [1 5 9] [2 6 10] [3 7 11] [4 8 12]
  const outputs = [
    output('tokens'),
    output('tokens', { terms: [term(1, 1)] }),
    output('tokens', { terms: [term(0, 1), term(1, -1, true)] }),
    output('tokens', { terms: [term(2, 2)], normalize: true }),
    output('tokens', { terms: [term(0, 1), term(1, 1)], normalize: true }),
  ]
  const sinks = [12, 3, 6, 6, 6].map((n) => new Float32Array(n))
  // The second time the shape is known and the buffers are ours.
  for (let i = 0; i < 2; i++) {
    for (const sink of sinks) sink.fill(0)
    await model.run(image, outputs, sinks, 0, options()).promise
    const rounded = sinks.map((sink) => [...sink].map((v) => Math.round(v * 1000) / 1000))
    const unit = (...v: number[]) => v.map((x) => Math.round((x / Math.hypot(...v)) * 1000) / 1000)
    expect(rounded).toEqual([
      [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12],
      [2, 6, 10],
      [1, 5, 9, 3, 7, 11],
      [...unit(3, 7, 11), ...unit(4, 8, 12)],
      unit(1, 5, 9, 2, 6, 10),
    ])
  }
})

test.each(['float16', 'bfloat16'] as const)('%s images and results', async (type) => {
  const model = await loaded(tokens(type))
  const values = [1, -2.5, 0.1, 70000, 1e-7, 0, -0.3333, 255, 6.1e-5, 5.9e-8, 1024.5, 3]
  const sink = new Float32Array(12)
  await model
    .run(
      pixels(2, (i) => values[i]!),
      [output('tokens')],
      [sink],
      0,
      options(),
    )
    .promise.catch((error: { code: string }) => expect([type, error.code]).toEqual(['float16', 'ERR_OUTPUT_NOT_FINITE']))
  const [digits, smallest] = type === 'float16' ? [2 ** -11, 2 ** -25] : [2 ** -8, 0]
  values.forEach((value, i) => {
    const found = sink[(i % 4) * 3 + Math.floor(i / 4)]!
    if (type === 'float16' && value === 70000) expect(found).toBe(Number.POSITIVE_INFINITY)
    else expect(Math.abs(found - value)).toBeLessThanOrEqual(Math.abs(value) * digits + smallest)
  })
})

test('a picture: bytes for a uint8 graph, normalised values for a float one', async () => {
  const bytes = await loaded(
    message({
      nodes: [
        node('Cast', ['pixels'], ['values'], [{ name: 'to', int: 1 }]),
        node('ReduceSum', ['values', 'axes'], ['sum'], [{ name: 'keepdims', int: 0 }]),
      ],
      inputs: [port('pixels', 'uint8', ['batch', 'height', 'width', 3])],
      outputs: [port('sum', 'float32', ['batch', 3])],
      initializers: [tensor('axes', 'int64', [2], int64s([1, 2]))],
    }),
  )
  const image = picture(4, (i) => i)
  const sink = new Float32Array(3)
  await bytes.run(image, [output('sum')], [sink], 0, options()).promise
  expect([...sink]).toEqual([360, 376, 392])
  await rejects(
    translated(() => bytes.run(pixels(4, 0), [output('sum')], [sink], 0, options()).promise),
    'ERR_IMAGE_UNSUPPORTED',
    'takes pictures',
  )
  const values = await loaded(sums())
  const normalise = { mean: [1, 2, 3], std: [2, 4, 8], rescale: 0.5 } as const
  await values.run(image, [output('sum')], [sink], 0, {
    burst: 1,
    normalise: { mean: [...normalise.mean], std: [...normalise.std], rescale: 0.5 },
  }).promise
  expect([...sink]).toEqual([360, 376, 392].map((sum, c) => (sum * 0.5 - 16 * normalise.mean[c]!) / normalise.std[c]!))
})

const logarithm = message({
  nodes: [node('Log', ['pixels'], ['log'])],
  inputs: [port('pixels', 'float32', ['batch', 3, 'side', 'side'])],
  outputs: [port('log', 'float32', ['batch', 3, 'side', 'side'])],
})

test('a result that is not finite is an error that names the output; of an image that is not, it is the result', async () => {
  const model = await loaded(logarithm)
  const sinks = [new Float32Array(3 * 12)]
  const jobs = [pixels(2, 1), pixels(2, (i) => (i === 5 ? -1 : 1)), pixels(2, (i) => (i === 3 ? Number.NaN : 1))].map((image, row) =>
    translated(() => model.run(image, [output('log')], sinks, row, options(3)).promise),
  )
  await rejects(jobs[1]!, 'ERR_OUTPUT_NOT_FINITE', 'output log')
  await jobs[0]
  await jobs[2]
  expect([...sinks[0]!.subarray(0, 12)]).toEqual(Array(12).fill(0))
  expect(sinks[0]![24 + 3]).toBeNaN()
})

test('graphs that are none, or none for images', async () => {
  const refused = (bytes: Uint8Array | string, code: Parameters<typeof rejects>[1], ...words: (string | RegExp)[]) =>
    rejects(load(bytes), code, ...words)
  await refused(new Uint8Array(), 'ERR_CHECKPOINT_INVALID', 'ONNX Runtime')
  await refused(Buffer.from('no protobuf'), 'ERR_CHECKPOINT_INVALID', 'the graph')
  await refused('/nowhere/model.onnx', 'ERR_CHECKPOINT_NOT_FOUND', '/nowhere/model.onnx')
  await refused(sums().subarray(0, 60), 'ERR_CHECKPOINT_INVALID')
  const graph = (over: Partial<Parameters<typeof message>[0]>) =>
    message({
      nodes: [node('Identity', ['pixels'], ['out'])],
      inputs: [port('pixels', 'float32', ['batch', 3, 4, 4])],
      outputs: [port('out', 'float32', ['batch', 3, 4, 4])],
      ...over,
    })
  await refused(graph({ nodes: [node('Wrong', ['pixels'], ['out'])] }), 'ERR_CHECKPOINT_INVALID', 'Wrong')
  await refused(graph({ nodes: [node('Identity', ['nothing'], ['out'])] }), 'ERR_CHECKPOINT_INVALID', 'nothing')
  await refused(graph({ inputs: [port('images', 'float32', ['batch', 3, 4, 4])] }), 'ERR_CHECKPOINT_INVALID')
  const other = graph({ inputs: [port('x', 'float32', ['batch', 3, 4, 4])], nodes: [node('Identity', ['x'], ['out'])] })
  await refused(other, 'ERR_CHECKPOINT_UNSUPPORTED', 'x [batch, 3, 4, 4]', 'pixels')
  const identity = (type: Type, dims: (number | string)[]) =>
    message({ nodes: [node('Identity', ['pixels'], ['out'])], inputs: [port('pixels', type, dims)], outputs: [port('out', type, dims)] })
  await refused(identity('int64', ['batch', 3, 4, 4]), 'ERR_CHECKPOINT_UNSUPPORTED', 'type')
  await refused(identity('float32', ['batch', 4]), 'ERR_CHECKPOINT_UNSUPPORTED', '[B, 3, H, W]')
  await refused(identity('float32', ['batch', 1, 4, 4]), 'ERR_CHECKPOINT_UNSUPPORTED', '[B, 3, H, W]')
  await refused(identity('uint8', ['batch', 3, 4, 4]), 'ERR_CHECKPOINT_UNSUPPORTED', '[B, H, W, 3]')
})

test('outputs that are not there, or are not rows of images', async () => {
  const model = await loaded(
    message({
      nodes: [
        node('ReduceSum', ['pixels', 'axes'], ['one'], [{ name: 'keepdims', int: 1 }]),
        node('Shape', ['pixels'], ['shape']),
        node('Identity', ['pixels'], ['same']),
      ],
      inputs: [port('pixels', 'float32', ['batch', 3, 2, 2])],
      outputs: [port('one', 'float32', ['x', 1, 1, 1]), port('shape', 'int64', [4]), port('same', 'float32', ['batch', 3, 2, 2])],
      initializers: [tensor('axes', 'int64', [4], int64s([0, 1, 2, 3]))],
    }),
  )
  const run = (name: string, size: number, more = {}) =>
    translated(() => model.run(pixels(2, 1), [output(name, more)], [new Float32Array(size)], 0, options()).promise)
  await rejects(run('none', 1), 'ERR_POOL_UNAVAILABLE', 'none')
  await rejects(run('shape', 4), 'ERR_CHECKPOINT_UNSUPPORTED', 'int64')
  await rejects(run('same', 5), 'ERR_INTERNAL', 'does not fit into 5')
  await rejects(run('same', 3, { terms: [term(0, 1)] }), 'ERR_POOL_UNAVAILABLE', 'same')
  await run('same', 12)
  const two = [0, 1].map((row) =>
    translated(() => model.run(pixels(2, 1), [output('one')], [new Float32Array(2)], row, options(2)).promise),
  )
  for (const job of two) await rejects(job, 'ERR_DEVICE_FAILED')
})

test('rows beyond the tokens', async () => {
  const model = await loaded(tokens())
  const run = (row: number, count: number) =>
    translated(
      () => model.run(pixels(2, 1), [output('tokens', { terms: [term(row, count)] })], [new Float32Array(3)], 0, options()).promise,
    )
  await run(3, 1)
  await rejects(run(4, 1), 'ERR_POOL_UNAVAILABLE', 'output tokens')
  await rejects(run(3, 2), 'ERR_POOL_UNAVAILABLE', '3 to 5 of 4')
  await rejects(run(4, -1), 'ERR_POOL_UNAVAILABLE')
})

test('a graph that fails while it runs says so, and the session goes on', async () => {
  const model = await loaded(
    message({
      nodes: [node('Reshape', ['pixels', 'shape'], ['out'])],
      inputs: [port('pixels', 'float32', ['batch', 3, 'side', 'side'])],
      outputs: [port('out', 'float32', ['batch', 'rest'])],
      initializers: [tensor('shape', 'int64', [2], int64s([-1, 12]))],
    }),
  )
  const sink = new Float32Array(12)
  const run = (side: number) => translated(() => model.run(pixels(side, 1), [output('out')], [sink], 0, options()).promise)
  await run(2)
  await rejects(run(3), 'ERR_DEVICE_FAILED', 'Reshape')
  await run(2)
})

test('a provider that cannot be had: what ONNX Runtime said', async () => {
  const provider = (name: string, more: Record<string, string> = {}) => ({ provider: { name, options: more } })
  await rejects(load(sums(), provider('dml')), 'ERR_DEVICE_UNAVAILABLE', 'dml')
  await rejects(load(sums(), provider('nonsense')), 'ERR_DEVICE_UNAVAILABLE', 'nonsense')
  await rejects(load(sums(), { ...provider('cpu'), graphCapture: true }), 'ERR_DEVICE_UNAVAILABLE', 'graphCapture')
  if (process.platform === 'linux' && process.arch === 'x64') {
    // The package has CUDA's provider only where its install script ran; here it has not.
    await rejects(load(sums(), provider('cuda')), 'ERR_DEVICE_UNAVAILABLE', 'provider cuda', 'libonnxruntime_providers')
  }
})

test('arguments that no TypeScript would give', async () => {
  const bad = (change: Record<string, unknown>) =>
    rejects(
      translated(() => native().loadOnnxModel({ ...source(sums()), ...change } as never).promise),
      'ERR_INTERNAL',
    )
  await bad({ batch: 0 })
  await bad({ threads: 1.5 })
  await bad({ model: 5 })
  await bad({ provider: { name: 'cpu', options: { a: 1 } } })
  await bad({ weights: [{ name: 'x', dims: [1], tensor: [], transpose: false, type: 'float64' }] })
  const model = await loaded(sums())
  const run = (...args: unknown[]) =>
    rejects(
      translated(() => model.run(...(args as Parameters<typeof model.run>)).promise),
      'ERR_INTERNAL',
    )
  await run(pixels(2, 1), [output('sum')], [], 0, options())
  await run(pixels(2, 1), [output('sum')], [new Float64Array(3)], 0, options())
  await run(pixels(2, 1), [output('sum')], [new Float32Array(3)], -1, options())
  await run(pixels(2, 1), [output('sum')], [new Float32Array(3)], 0, { burst: 0 })
  await run(
    picture(2, () => 1),
    [output('sum')],
    [new Float32Array(3)],
    0,
    { burst: 1 },
  )
  model.close()
  await rejects(
    translated(() => model.run(pixels(2, 1), [output('sum')], [new Float32Array(3)], 0, options()).promise),
    'ERR_MODEL_CLOSED',
  )
})

test('inputs of floats keep every bit', async () => {
  const model = await loaded(tokens('float32', 2))
  const values = [0, -0, 1e-45, -1e-45, 3.4e38, 1 / 3, -1 / 3, 1e-38, 5, 6, 7, 8]
  const sink = new Float32Array(12)
  await model.run(
    pixels(2, (i) => values[i]!),
    [output('tokens')],
    [sink],
    0,
    options(),
  ).promise
  const expected = new Float32Array(floats(values).buffer)
  for (let i = 0; i < 12; i++) expect(Object.is(sink[(i % 4) * 3 + Math.floor(i / 4)], expected[i])).toBe(true)
})
