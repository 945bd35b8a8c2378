// exportOnnx: files that are whole or not there, what lies beside them, and that ONNX Runtime and load()'s own reader find the pools in them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../lib/checkpoint/json'
import { openAny, openCheckpoint } from '../../lib/checkpoint/open'
import type { Pipeline } from '../../lib/image/pipeline'
import { readPreprocessor } from '../../lib/image/preprocessor'
import { exportOnnx } from '../../lib/index'
import { preprocessorConfig } from '../../lib/onnx/companions'
import { writeModel } from '../../lib/onnx/file'
import { buildGraph } from '../../lib/onnx/graph'
import { byteLength } from '../../lib/onnx/proto'
import { availablePools } from '../../lib/pooling'
import { pipelineAt } from '../../lib/size'
import { type Fixture, fixture, fixtures, readJson, temporaryFolder } from '../support/fixtures'
import { values } from '../support/safetensors'
import { expectGoldens, openKnown, plain } from './support'

const all = { row: 0, count: -1, mean: false, afterNorm: true }

/** Names that the outputs have as goldens. */
const asGolden: Record<string, string> = { last_hidden_state: 'tokens', pooler_output: 'pooled', image_embeds: 'pooled' }

async function runFile(path: string, test: Fixture) {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const { pixel_values: pixels } = test.tensors()
  const found = await session.run({ pixel_values: new Tensor('float32', values(pixels!), pixels!.shape) })
  await session.release()
  // Where both are there, `tokens` are those of the golden, and last_hidden_state is transformers' own.
  const names = Object.keys(found).filter((name) => name !== 'last_hidden_state' || !('tokens' in found))
  return Object.fromEntries(
    names.map((name) => [asGolden[name] ?? name, { dims: found[name]!.dims, data: found[name]!.data as Float32Array }]),
  )
}

describe('every fixture', () => {
  let compared = 0
  for (const test of fixtures()) {
    it(test.name, async (context) => {
      const opened = await openKnown(test)
      const { pixel_values: pixels } = test.tensors()
      if (!opened || !pixels) return context.skip('not for export')
      const folder = temporaryFolder()
      const path = join(folder, 'onnx', 'model.onnx')
      const [height, width] = pixels.shape.slice(2) as [number, number]
      const own = await openCheckpoint(test.source, {})
      const external = test.name.length % 2 === 0
      const { files, outputs } = await exportOnnx(test.source, path, { imageSize: { height, width }, external })
      expect(files.map((file) => file.path)).toEqual(external ? [`${path}_data`, path] : [path])
      for (const { path, bytes } of files) expect(readFileSync(path).length).toBe(bytes)
      compared += expectGoldens(await runFile(path, test), test)

      const read = await openAny(folder, {})
      if (read.kind !== 'onnx') throw new Error('no graph')
      expect(read.input).toEqual({ name: 'pixel_values', type: 'float32', batch: undefined, size: { height, width } })
      const checkpoint = read.checkpoint(read.header.outputs.map((port) => ({ ...port })))
      expect(availablePools(checkpoint).sort()).toEqual(availablePools(opened).sort())
      expect(Object.keys(outputs).sort()).toEqual(availablePools(opened).sort())
      expect(checkpoint.labels).toEqual(opened.labels)
      const expected = pipelineAt(own.pipeline, { height, width })
      expect({ ...read.pipeline, rescaleFactor: 0 }).toEqual({ ...expected, rescaleFactor: 0 })
    })
  }
  it('compared something', () => expect(compared).toBeGreaterThan(20))
})

describe('files', () => {
  const source = fixture('hf-vit-nonsquare')
  const names = (folder: string) => readdirSync(folder).sort()

  it('refuses to replace a file, a link or the weights beside one, unless it is told to', async () => {
    for (const there of ['model.onnx', 'model.onnx_data']) {
      const folder = temporaryFolder({ [there]: 'mine' })
      const path = join(folder, 'model.onnx')
      await expect(exportOnnx(source, path)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining(there) })
      expect(names(folder)).toEqual([there])
      await exportOnnx(source, path, { force: true, external: true })
      expect(readFileSync(join(folder, there), 'latin1')).not.toBe('mine')
    }
  })

  it('leaves nothing behind when it is aborted or the weights are not what they were', async () => {
    const folder = temporaryFolder()
    const stop = new AbortController()
    const progress = ({ loaded }: { loaded: number }) => {
      if (loaded > 0) stop.abort(new Error('enough'))
    }
    await expect(exportOnnx(source, join(folder, 'a.onnx'), { signal: stop.signal, progress, external: true })).rejects.toThrow('enough')
    expect(names(folder)).toEqual([])

    const copy = temporaryFolder(Object.fromEntries(names(source).map((name) => [name, readFileSync(join(source, name))])))
    const touch = ({ stage }: { stage: string }) => {
      if (stage === 'weights') writeFileSync(join(copy, 'model.safetensors'), 'other')
    }
    await expect(exportOnnx(copy, join(folder, 'a.onnx'), { progress: touch })).rejects.toThrow(/changed while|expected \d+ bytes/)
    expect(names(folder)).toEqual([])
  })

  it('says what it cannot write, and what it does not take', async () => {
    const folder = temporaryFolder({ file: '' })
    await expect(exportOnnx(source, join(folder, 'file', 'model.onnx'))).rejects.toMatchObject({ code: 'ERR_FILE_WRITE' })
    await expect(exportOnnx(source, join(folder, 'model.bin'))).rejects.toThrow(/ends in \.onnx/)
    await expect(exportOnnx(source, join(folder, 'a.onnx'), { dtype: 'int8' })).rejects.toMatchObject({ code: 'ERR_DTYPE_UNAVAILABLE' })
    await expect(exportOnnx(source, join(folder, 'a.onnx'), { outputs: 'logits' })).rejects.toMatchObject({ code: 'ERR_POOL_UNAVAILABLE' })
    await expect(exportOnnx(source, join(folder, 'a.onnx'), { imageSize: 7 })).rejects.toMatchObject({ code: 'ERR_IMAGE_SIZE' })
    await exportOnnx(source, join(folder, 'a.onnx'))
    await expect(exportOnnx(join(folder, 'a.onnx'), join(folder, 'b.onnx'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_UNSUPPORTED' })
  })

  it('puts the weights beside a model that would be too large for one message', async () => {
    const { spec } = await openCheckpoint(source, {})
    const graph = buildGraph(spec, {
      ...plain,
      outputs: { tokens: { kind: 'pool', branches: [{ terms: [all], head: -1 }], normalize: false, layer: -1 } },
    })
    const write = (path: string, largest: number) =>
      writeModel(graph, path, {
        external: false,
        text: {},
        largest,
        read: async (weight) => new Uint8Array(byteLength(weight)).fill(1),
        step() {},
        async whole() {},
      })
    const folder = temporaryFolder()
    const [whole] = await write(join(folder, 'whole.onnx'), 1e9)
    expect((await write(join(folder, 'just.onnx'), whole!.bytes)).map(({ path }) => path)).toEqual([join(folder, 'just.onnx')])
    const [data, model] = await write(join(folder, 'large.onnx'), whole!.bytes - 1)
    expect([data!.path, model!.path]).toEqual([join(folder, 'large.onnx_data'), join(folder, 'large.onnx')])
    // Every weight begins at a page, and the bytes between are zeros.
    const bytes = readFileSync(data!.path)
    for (let at = 0; at < bytes.length; at += 4096) expect(bytes[at]).toBe(1)
    expect(bytes.filter((byte) => byte === 1).length).toBe(graph.weights.reduce((sum, weight) => sum + byteLength(weight), 0))
  })

  it('gives the pools asked for, half the bytes in fp16, and progress up to the end', async () => {
    const folder = temporaryFolder()
    const seen: number[] = []
    const whole = await exportOnnx(source, join(folder, 'a.onnx'), {
      outputs: ['mean', 'cls'],
      progress: ({ loaded, total }) => seen.push(total === 0 ? 0 : loaded / total),
    })
    expect(whole.outputs).toEqual({ mean: 'mean', cls: 'cls' })
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    const half = await exportOnnx(source, join(folder, 'b.onnx'), { dtype: 'fp16', external: true })
    const full = await exportOnnx(source, join(folder, 'c.onnx'), { external: true })
    expect(half.files[0]!.bytes).toBeLessThan(full.files[0]!.bytes)
  })
})

describe('companions', () => {
  it('are copied where the folder has none, as they are at the own size, and changed for another', async () => {
    const source = fixture('hf-vit-nonsquare')
    const folder = temporaryFolder()
    const { companions } = await exportOnnx(source, join(folder, 'model.onnx'))
    expect(companions).toEqual([join(folder, 'config.json'), join(folder, 'preprocessor_config.json')])
    for (const name of ['config.json', 'preprocessor_config.json'])
      expect(readFileSync(join(folder, name))).toEqual(readFileSync(join(source, name)))
    expect((await exportOnnx(source, join(folder, 'again.onnx'))).companions).toEqual([])

    const { spec } = await openCheckpoint(source, {})
    const size = { height: 2 * spec.patchHeight, width: 3 * spec.patchWidth }
    mkdirSync(join(folder, 'small', 'onnx'), { recursive: true })
    await exportOnnx(source, join(folder, 'small', 'onnx', 'model.onnx'), { imageSize: size })
    expect(existsSync(join(folder, 'small', 'onnx', 'config.json'))).toBe(false)
    expect(readJson(join(folder, 'small', 'config.json')).image_size).toEqual([size.height, size.width])
    const read = await openAny(join(folder, 'small'), {})
    expect(read.pipeline).toEqual(pipelineAt((await openCheckpoint(source, {})).pipeline, size))
  })

  const base: Pipeline = {
    resize: { width: 40, height: 32 },
    resample: 'bilinear',
    resampling: 'pillow',
    alpha: 'drop',
    crop: null,
    cropRounding: 'floor',
    pad: 0,
    mean: [0.1, 0.2, 0.3],
    std: [0.4, 0.5, 0.6],
    rescaleFactor: 1 / 255,
  }
  const crop = { width: 16, height: 24 }
  it.each<[string, Partial<Pipeline>, string | undefined]>([
    ['a squash', {}, 'ViTImageProcessor'],
    ['a squash and a crop', { crop }, 'DeiTImageProcessor'],
    ['an edge and a crop', { crop, resize: { shortestEdge: 30 }, resample: 'bicubic' }, 'CLIPImageProcessor'],
    ['what transformers cannot say', { resize: { longestEdge: 30 } }, undefined],
    ['other rounding', { crop, cropRounding: 'round' }, undefined],
  ])('%s as transformers saves it', (_, change, type) => {
    const pipeline = { ...base, ...change }
    const config = preprocessorConfig(pipeline) as JsonObject | undefined
    expect(config?.image_processor_type).toBe(type)
    if (config) expect(readPreprocessor(JSON.parse(JSON.stringify(config)), 'file')).toEqual(pipeline)
  })
})
