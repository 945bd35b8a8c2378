// Which weight file of a folder: the ranks, the option, and what is said when it cannot be decided.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chooseFile, locate } from '../../lib/checkpoint/choose'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { checkpoint, vitConfig, vitTensors } from '../support/checkpoints'
import { temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { encode } from '../support/safetensors'

const choose = async (source: string, file?: string) => chooseFile(await locate(source), file)

/** Best first, as the design has them; those that vitrine cannot read yet are refused by name, never skipped. */
const ranks: [string, 'read' | 'refused'][] = [
  ['model.safetensors', 'read'],
  ['model.safetensors.index.json', 'read'],
  ['open_clip_model.safetensors', 'read'],
  ['pytorch_model.bin', 'refused'],
  ['pytorch_model.bin.index.json', 'refused'],
  ['weights.safetensors', 'read'],
  ['weights.pth', 'refused'],
  ['onnx/model.onnx', 'read'],
  ['model.onnx', 'read'],
]

describe('the file of a folder', () => {
  test.each(ranks.map(([name, what], rank) => [name, what, rank] as const))(
    '%s is %s, before all that rank below it',
    async (name, what, rank) => {
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'onnx'))
      // open_clip_model.safetensors is itself a .safetensors, so a folder with both has two of that lower rank; the better rank decides.
      for (const [other] of ranks.slice(rank)) writeFileSync(join(folder, other), '')
      if (what === 'read') expect((await choose(folder)).file).toBe(join(folder, name))
      else await rejects(choose(folder), 'ERR_CHECKPOINT_UNSUPPORTED', name, /not read yet/)
    },
  )

  test('two of one rank are named', async () => {
    await rejects(
      choose(temporaryFolder({ 'a.safetensors': '', 'b.safetensors': '', 'c.pth': '' })),
      'ERR_CHECKPOINT_AMBIGUOUS',
      /a\.safetensors and b\.safetensors/,
      /'file'/,
    )
    await rejects(choose(temporaryFolder({ 'a.pt': '', 'b.pth': '' })), 'ERR_CHECKPOINT_AMBIGUOUS', /a\.pt and b\.pth/)
  })

  test("the option 'file' decides", async () => {
    const folder = temporaryFolder({ 'a.safetensors': '', 'b.safetensors': '', 'c.pth': '', 'notes.txt': '' })
    expect(await choose(folder, 'b.safetensors')).toEqual({ file: join(folder, 'b.safetensors'), kind: 'safetensors' })
    await rejects(choose(folder, 'd.safetensors'), 'ERR_CHECKPOINT_NOT_FOUND', /d\.safetensors/, /a\.safetensors, b\.safetensors, c\.pth/)
    await rejects(choose(folder, 'c.pth'), 'ERR_CHECKPOINT_UNSUPPORTED', /c\.pth/, /torch\.save/)
    await rejects(choose(folder, 'notes.txt'), 'ERR_CHECKPOINT_UNSUPPORTED', /notes\.txt/)
  })

  test('a quantised graph is taken when it is asked for, never of itself', async () => {
    const folder = temporaryFolder({ 'config.json': '{}' })
    mkdirSync(join(folder, 'onnx'))
    for (const name of ['model_quantized.onnx', 'model_fp16.onnx']) writeFileSync(join(folder, 'onnx', name), '')
    await rejects(choose(folder), 'ERR_CHECKPOINT_NOT_FOUND', /'file' takes onnx\/model_fp16\.onnx or onnx\/model_quantized\.onnx/)
    const path = join(folder, 'onnx', 'model_quantized.onnx')
    expect(await choose(folder, 'onnx/model_quantized.onnx')).toEqual({ file: path, kind: 'onnx' })
    await rejects(
      choose(folder, 'onnx/model.onnx'),
      'ERR_CHECKPOINT_NOT_FOUND',
      /the folder has onnx\/model_fp16\.onnx, onnx\/model_quantized/,
    )
  })

  test('a file is itself; another one beside it is no option', async () => {
    const folder = temporaryFolder({ 'a.safetensors': '', 'b.safetensors': '', 'a.safetensors.index.json': '' })
    const path = join(folder, 'a.safetensors')
    expect(await choose(path)).toEqual({ file: path, kind: 'safetensors' })
    expect(await choose(path, 'a.safetensors')).toEqual({ file: path, kind: 'safetensors' })
    expect((await choose(join(folder, 'a.safetensors.index.json'))).kind).toBe('shards')
    await rejects(choose(path, 'b.safetensors'), 'ERR_OPTION_INVALID', /'file'/)
  })

  test('nothing to choose from', async () => {
    await rejects(choose(temporaryFolder()), 'ERR_CHECKPOINT_NOT_FOUND', /no weight file in the folder/, /model\.safetensors\.index\.json/)
    await rejects(choose(temporaryFolder({ 'config.json': '{}', 'golden.json': '{}' })), 'ERR_CHECKPOINT_NOT_FOUND')
  })

  test('a better rank that is no file never gives way in silence', async () => {
    const folder = temporaryFolder({ 'b.safetensors': '' })
    mkdirSync(join(folder, 'model.safetensors'))
    await rejects(choose(folder), 'ERR_CHECKPOINT_NOT_FOUND', /model\.safetensors is no file/)
    if (process.platform === 'win32') return
    const cleaned = temporaryFolder({ 'b.safetensors': '' })
    symlinkSync(join(cleaned, 'blobs', 'gone'), join(cleaned, 'model.safetensors'))
    await rejects(choose(cleaned), 'ERR_CHECKPOINT_NOT_FOUND', /link to a file that does not exist/)
  })
})

describe('a source that is not there', () => {
  test('a path', async () => {
    await rejects(openCheckpoint('./no/such/folder', {}), 'ERR_CHECKPOINT_NOT_FOUND', /no\/such\/folder/, /^(?!.*hub)/)
    await rejects(openCheckpoint(join(temporaryFolder(), 'gone'), {}), 'ERR_CHECKPOINT_NOT_FOUND', /gone/)
  })
  test('what may be the name of a model on a hub', async () => {
    for (const name of ['google/vit-base-patch16-224', 'vit_b_16']) {
      await rejects(
        openCheckpoint(name, {}),
        'ERR_CHECKPOINT_NOT_FOUND',
        name,
        /looked for a file or folder .*/,
        /downloads are not there yet/,
      )
    }
  })
  test('no path at all', async () => {
    await rejects(openCheckpoint('a\0b', {}), 'ERR_CHECKPOINT_NOT_FOUND')
    await rejects(openCheckpoint('x'.repeat(10_000), {}), 'ERR_CHECKPOINT_NOT_FOUND')
  })
})

describe('vitrine.json', () => {
  const open = (vitrine: string, options = {}) =>
    openCheckpoint(checkpoint(vitTensors(), vitConfig(), { 'vitrine.json': vitrine, 'other.safetensors': encode(vitTensors()) }), options)

  test('says which file, and an option says it louder', async () => {
    expect((await open('{"file":"other.safetensors"}')).file).toMatch(/other\.safetensors$/)
    expect((await open('{"file":"other.safetensors"}', { file: 'model.safetensors' })).file).toMatch(/model\.safetensors$/)
    await rejects(open('{"file":"third.safetensors"}'), 'ERR_CHECKPOINT_NOT_FOUND', /third\.safetensors/)
  })
  test('gives the preprocessing, and an option replaces fields of it', async () => {
    const vitrine = '{"preprocess":{"mean":[0.1,0.2,0.3],"std":[1,1,1]}}'
    expect((await open(vitrine)).spec).toMatchObject({ mean: [0.1, 0.2, 0.3], std: [1, 1, 1] })
    const { pipeline } = await open(vitrine, { preprocess: { mean: [0.4, 0.5, 0.6] } })
    expect(pipeline).toMatchObject({ mean: [0.4, 0.5, 0.6], std: [1, 1, 1] })
    await rejects(open('{"preprocess":{"median":1}}'), 'ERR_OPTION_UNKNOWN', 'vitrine.json', /median/)
  })
  test('hands on the other options of load()', async () => {
    expect((await open('{"threads":2,"imageSize":16}')).declared).toEqual({ threads: 2, imageSize: 16 })
  })
  test('is refused when it is wrong', async () => {
    await rejects(open('{'), 'ERR_CHECKPOINT_INVALID', 'vitrine.json')
    await rejects(open('{"heads":"two"}'), 'ERR_OPTION_INVALID', 'vitrine.json', /"two"/)
    await rejects(open('{"heads":0}'), 'ERR_OPTION_INVALID', 'vitrine.json')
    await rejects(open('{"heads":2,"num_heads":4}'), 'ERR_OPTION_INVALID', 'vitrine.json')
    await rejects(open('{"file":7}'), 'ERR_OPTION_INVALID', 'vitrine.json')
  })
})
