// .onnx files as checkpoints: what is read of a file, which outputs are which pools, and what is refused. Graphs are made here, and their
// outputs said as a session would say them, so that no ONNX Runtime is needed.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { OnnxFile } from '../../lib/checkpoint/onnx'
import { openAny, openCheckpoint } from '../../lib/checkpoint/open'
import { shapeOf } from '../../lib/checkpoint/shape'
import { readGraphConfig } from '../../lib/families/onnx'
import { externalParts } from '../../lib/onnx/external'
import { readOnnx, withInlined } from '../../lib/onnx/read'
import { availablePools, defaultPool, poolDims } from '../../lib/pooling'
import { external, floats, int64s, message, model, port, type Type, tensor } from '../onnxruntime/support'
import { fixture, fixtures, readJson, temporaryFolder } from '../support/fixtures'
import { asHubCache } from '../support/hub'
import { refusal, rejects } from '../support/rejects'

type Dims = (number | string)[]
const picture = (dims: Dims = ['batch', 3, 32, 32], type: Type = 'float32', name = 'pixel_values') => port(name, type, dims)
const graph = (inputs: Uint8Array[], outputs: [string, Dims][], initializers: Uint8Array[] = []) =>
  model({ nodes: [], inputs, outputs: outputs.map(([name, dims]) => port(name, 'float32', dims)), initializers })

async function open(outputs: [string, Dims][], config?: object, inputs = [picture()], files: Record<string, string> = {}) {
  const folder = temporaryFolder({
    'model.onnx': graph(inputs, outputs),
    ...(config && { 'config.json': JSON.stringify(config) }),
    ...files,
  })
  const opened = (await openAny(folder, {})) as OnnxFile
  return opened.checkpoint(opened.header.outputs)
}
const vit = { model_type: 'vit', hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 3, patch_size: 8, image_size: 32 }
const b = 'batch'

describe('outputs', () => {
  test('tokens, with what the config says of them', async () => {
    const found = await open([['last_hidden_state', [b, 17, 48]]], vit)
    expect(found).toMatchObject({ family: 'vit', hasCls: true, tokensPort: 'last_hidden_state', imageSize: { height: 32, width: 32 } })
    expect(found.shape).toMatchObject({ dim: 48, layers: 2, heads: 3, prefixRows: 1, patch: { height: 8, width: 8 }, blocks: false })
    expect(availablePools(found)).toEqual(['cls', 'mean', 'cls+mean', 'tokens'])
  })

  test('tokens without a config: which of them are patches is not known', async () => {
    const found = await open([['last_hidden_state', [b, 17, 48]]])
    expect(availablePools(found)).toEqual(['tokens'])
    expect(found).toMatchObject({ family: 'onnx', hasCls: false, because: expect.stringContaining('config.json') })
    expect(defaultPool(found)).toBe('tokens')
  })

  test.each([
    ['pooler_output', 'pooled'],
    ['image_embeds', 'pooled'],
    ['1234', 'pooled'],
    ['logits', 'logits'],
    ['cls', 'cls'],
    ['mean', 'mean'],
    ['cls_mean', 'cls+mean'],
  ])('[B, D] called %s is %s', async (name, pool) => {
    const found = await open([[name, [b, 20]]])
    expect(availablePools(found)).toEqual([pool])
    expect(defaultPool(found)).toBe(pool)
    const branches = found.ready?.[pool as 'cls'] ?? (pool === 'logits' ? found.logits! : found.pooled!)
    expect(poolDims(branches, found.shape, undefined)).toEqual([20])
    expect(found.shape.outs[branches[0]!.head]!.name).toBe(name)
  })

  test('several vectors: a known name is the pooled one, else none is', async () => {
    const both = await open([
      ['pooler_output', [b, 48]],
      ['image_embeds', [b, 24]],
    ])
    expect(both.shape.outs[both.pooled![0]!.head]).toEqual({ name: 'image_embeds', out: 24 })
    const neither = await open([
      ['a', [b, 48]],
      ['b', [b, 24]],
    ])
    expect(availablePools(neither)).toEqual([])
    expect(neither.because).toContain('a float32 [batch, 48]; b float32 [batch, 24]')
    expect((await open([['1234', [b, 'dim']]])).because).toContain('how wide 1234 is')
  })

  test("CLIP's last_hidden_state is taken before its final norm: no pool is made of it", async () => {
    const config = { ...vit, model_type: 'clip_vision_model' }
    const found = await open(
      [
        ['last_hidden_state', [b, 17, 48]],
        ['pooler_output', [b, 48]],
      ],
      config,
    )
    expect(availablePools(found)).toEqual(['pooled'])
    expect(found.because).toContain('before its final norm')
  })

  test('registers and labels; what contradicts the graph', async () => {
    const registers = { ...vit, model_type: 'dinov3_vit', num_register_tokens: 4, id2label: { 0: 'cat', 1: 'dog' } }
    const found = await open(
      [
        ['last_hidden_state', [b, 21, 48]],
        ['logits', [b, 2]],
      ],
      registers,
    )
    expect(found.shape.prefixRows).toBe(5)
    expect(found.labels).toEqual(['cat', 'dog'])
    await rejects(open([['last_hidden_state', [b, 18, 48]]], vit), 'ERR_CONFIG_MISMATCH', /1 \+ 16 tokens, and the graph gives 18/)
    await rejects(open([['logits', [b, 3]]], registers), 'ERR_CONFIG_MISMATCH', /2 classes, and the graph's logits are 3/)
  })

  test('sizes and batches that the graph leaves open or fixes', async () => {
    const dynamic = await open([['last_hidden_state', [b, 'tokens', 48]]], vit, [picture([b, 3, 'h', 'w'])])
    expect(dynamic.shape.fixed).toBeUndefined()
    const bytes = await open([['cls', [b, 48]]], undefined, [picture([1, 64, 48, 3], 'uint8')])
    expect(bytes.shape.fixed?.size).toEqual({ height: 64, width: 48 })
    const unknown = await open([['last_hidden_state', [b, 't', 'd']]], vit)
    expect(unknown.shape.dim).toBe(48)
  })
})

describe('what is refused', () => {
  const one: [string, Dims][] = [['cls', [b, 8]]]
  test('graphs that do not take a picture, or more than one', async () => {
    const text = [picture(), port('input_ids', 'int64', [b, 't'])]
    await rejects(
      open(one, undefined, text),
      'ERR_CHECKPOINT_UNSUPPORTED',
      /wants more than a picture/,
      /vision_model\.onnx/,
      /input_ids int64/,
    )
    await rejects(open(one, undefined, [port('input_ids', 'int64', [b, 't'])]), 'ERR_CHECKPOINT_UNSUPPORTED', /no input for pictures/)
    await rejects(open(one, undefined, [picture([b, 4, 32, 32])]), 'ERR_CHECKPOINT_UNSUPPORTED', /no input for pictures/)
    await rejects(open(one, undefined, [picture(), picture([b, 3, 8, 8], 'float32', 'more')]), 'ERR_CHECKPOINT_UNSUPPORTED', /more/)
  })

  test('files that are no graph, or cut short', async () => {
    const whole = Buffer.from(graph([picture()], one, [tensor('w', 'float32', [500], floats(new Float32Array(500)))]))
    for (const length of [whole.length - 1, whole.length - 700, 60, 30]) {
      const folder = temporaryFolder({ 'model.onnx': whole.subarray(0, length) })
      const error = await refusal(openAny(folder, {}))
      expect(error.code).toMatch(/^ERR_CHECKPOINT_(TRUNCATED|INVALID)$/)
      expect(error.message).toContain('model.onnx')
    }
    await rejects(
      readOnnx(join(temporaryFolder({ 'a.onnx': whole.subarray(0, whole.length - 9) }), 'a.onnx')),
      'ERR_CHECKPOINT_TRUNCATED',
      /byte/,
    )
    for (const text of [
      '',
      'version https://git-lfs.github.com/spec/v1\n',
      '{"a": 1}',
      '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
      '\0'.repeat(99),
    ]) {
      const path = join(temporaryFolder({ 'a.onnx': text }), 'a.onnx')
      await rejects(readOnnx(path), 'ERR_CHECKPOINT_INVALID', /a\.onnx is no ONNX model/)
    }
    await rejects(readOnnx(join(temporaryFolder(), 'none.onnx')), 'ERR_CHECKPOINT_NOT_FOUND')
    await rejects(openCheckpoint(join(fixture('onnx-fp16'), 'model.onnx'), {}), 'ERR_CHECKPOINT_UNSUPPORTED', /is an ONNX graph/)
  })

  test("heads, which are the graph's own", async () => {
    const folder = temporaryFolder({ 'model.onnx': graph([picture()], one) })
    await rejects(openAny(folder, { heads: 4 }), 'ERR_OPTION_INVALID', /'heads'/, /ONNX graph/)
  })

  test('pictures, where no file says how to prepare them; pixel values work', async () => {
    expect((await open(one)).pipeline.unsupported).toContain('no preprocessor_config.json lies beside')
    const config = { image_processor_type: 'ViTImageProcessor', size: { height: 32, width: 32 } }
    const given = await open(one, undefined, undefined, { 'preprocessor_config.json': JSON.stringify(config) })
    expect(given.pipeline).toMatchObject({ resize: { height: 32, width: 32 } })
    expect(given.pipeline.unsupported).toBeUndefined()
  })
})

describe('the folder', () => {
  test("the hub's onnx/ has its configs one folder up, its own first; another folder's parent is nobody's", async () => {
    const files = {
      'config.json': JSON.stringify(vit),
      'preprocessor_config.json': JSON.stringify({ image_processor_type: 'ViTImageProcessor' }),
    }
    const hub = temporaryFolder(files)
    mkdirSync(join(hub, 'onnx'))
    writeFileSync(join(hub, 'onnx', 'model.onnx'), graph([picture()], [['last_hidden_state', [b, 17, 48]]]))
    for (const source of [hub, join(hub, 'onnx'), join(hub, 'onnx', 'model.onnx')]) {
      const opened = (await openAny(source, {})) as OnnxFile
      expect(opened.checkpoint(opened.header.outputs).family).toBe('vit')
      expect(opened.pipeline.unsupported).toBeUndefined()
    }
    writeFileSync(join(hub, 'onnx', 'config.json'), JSON.stringify({ ...vit, model_type: 'dinov2' }))
    const own = (await openAny(hub, {})) as OnnxFile
    expect(own.checkpoint(own.header.outputs).family).toBe('dinov2')
    mkdirSync(join(hub, 'other'))
    writeFileSync(join(hub, 'other', 'model.onnx'), graph([picture()], [['cls', [b, 8]]]))
    const other = (await openAny(join(hub, 'other', 'model.onnx'), {})) as OnnxFile
    expect(other.checkpoint(other.header.outputs).family).toBe('onnx')
  })

  test('the table of configs says what the families that read weights say', async () => {
    let compared = 0
    for (const { folder, source, golden } of fixtures()) {
      if (golden.refuse || golden.source) continue
      const opened = await openAny(source, {}).catch(() => undefined)
      if (opened?.kind !== 'spec') continue
      const config = readGraphConfig(await Promise.resolve(readConfig(folder)), 'config.json')
      if (!config.layout) continue
      const { prefixRows, dim, layers, heads, patch } = shapeOf(opened.spec)
      expect({ ...config.layout, unnormed: undefined }).toEqual({ cls: opened.hasCls, prefixRows, unnormed: undefined })
      expect(config.patch).toEqual(patch)
      for (const [said, found] of [
        [config.dim, dim],
        [config.layers, layers],
        [config.heads, heads],
      ])
        if (said !== undefined) expect(said).toBe(found)
      compared++
    }
    expect(compared).toBeGreaterThan(5)
  })
})
const readConfig = (folder: string) => {
  try {
    return readJson(join(folder, 'config.json'))
  } catch {
    return undefined
  }
}

describe('weights in other files', () => {
  const values = floats(Float32Array.from({ length: 100 }, (_, i) => i))
  const indices = int64s([4, 5, 6])
  const outside = (name: string, type: Type, dims: number[], entries: Record<string, string | number>) => {
    const types: Record<string, number> = { float32: 1, int64: 7 }
    const pairs = Object.entries(entries).map(([key, value]): [number, Uint8Array] => [13, message([1, key], [2, String(value)])])
    return message(...dims.map((d): [number, number] => [1, d]), [2, types[type]!], [8, name], ...pairs, [14, 1])
  }
  const withData = (entries: Record<string, string | number>, data: Uint8Array | undefined = Buffer.concat([values, indices])) => {
    const weights = [
      outside('w', 'float32', [10, 10], { location: 'model.onnx_data', offset: 0, length: 400, ...entries }),
      outside('i', 'int64', [3], { location: 'model.onnx_data', offset: 400 }),
    ]
    const files = { 'model.onnx': graph([picture()], [['cls', [b, 8]]], weights), ...(data && { 'model.onnx_data': data }) }
    return join(temporaryFolder(files), 'model.onnx')
  }

  test('are left to ONNX Runtime where they lie in the folder', async () => {
    const path = withData({})
    const header = await readOnnx(path)
    expect(header.external).toMatchObject([
      { name: 'w', dims: [10, 10], type: 'float32', offset: 0, length: 400 },
      { name: 'i', dims: [3], type: 'int64', offset: 400, length: undefined },
    ])
    const parts = await externalParts(path, header)
    expect(parts.model).toBe(path)
    expect(parts.weights).toBeUndefined()
    expect(parts.files).toEqual([path, `${path}_data`])
  })

  test.skipIf(process.platform === 'win32')(
    'are handed over where links lead out of it, those of other types inside the model',
    async () => {
      const path = join(asHubCache(dirname(withData({}))), 'model.onnx')
      const parts = await externalParts(path, await readOnnx(path))
      expect(parts.files).toEqual([`${path}_data`])
      expect(parts.weights).toEqual([
        {
          name: 'w',
          dims: [10, 10],
          transpose: false,
          type: 'float32',
          tensor: [{ file: 0, offset: 0, shape: [10, 10], dtype: 'f32', name: 'w' }],
        },
      ])
      const inner = join(temporaryFolder({ 'inner.onnx': parts.model as Uint8Array }), 'inner.onnx')
      expect((await readOnnx(inner)).external.map(({ name }) => name)).toEqual(['w'])
      expect(Buffer.from(parts.model as Uint8Array).includes(Buffer.from(indices))).toBe(true)
    },
  )

  test('that are not where the model says', async () => {
    const check = async (path: string) => externalParts(path, await readOnnx(path))
    await rejects(check(withData({ location: 'gone.bin' })), 'ERR_CHECKPOINT_NOT_FOUND', /gone\.bin/)
    await rejects(check(withData({ location: '../model.onnx_data' })), 'ERR_CHECKPOINT_INVALID', /out of the model's folder/)
    await rejects(check(withData({ location: '/etc/passwd' })), 'ERR_CHECKPOINT_INVALID', /out of the model's folder/)
    await rejects(check(withData({ offset: -4 })), 'ERR_CHECKPOINT_INVALID', /weight w/)
    await rejects(check(withData({ length: 399 })), 'ERR_CHECKPOINT_INVALID', /takes 400 bytes/)
    const short = withData({})
    truncateSync(`${short}_data`, 410)
    await rejects(check(short), 'ERR_CHECKPOINT_TRUNCATED', /ends at byte 424, and the file has 410/)
    const none = join(
      temporaryFolder({ 'model.onnx': graph([picture()], [['cls', [b, 8]]], [external('w', 'float32', [2])]) }),
      'model.onnx',
    )
    await rejects(check(none), 'ERR_CHECKPOINT_NOT_FOUND', /nowhere\.bin/)
  })

  test('put inside, the rest of the model is byte for byte what it was', () => {
    const path = withData({})
    const bytes = readFileSync(path)
    expect(Buffer.from(withInlined(bytes, new Map())).equals(bytes)).toBe(true)
  })
})
