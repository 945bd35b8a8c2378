// vitrine features: files, folders and globs; the three formats; bad images; a reader that goes away.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { load } from '../../lib/index'
import { lines, main, photosFolder, temporaryFolder, vitrine } from './support'

interface Line {
  index: number
  source: string
  dims: number[]
  features: number[]
  error?: { code: string; message: string }
}
const names = readdirSync(photosFolder)
  .filter((name) => name.endsWith('.jpg'))
  .sort()
const paths = names.map((name) => join(photosFolder, name))
const folder = temporaryFolder()
afterAll(() => folder.remove())

let expected: Float32Array
beforeAll(async () => {
  const model = await load()
  expected = (await model.features(paths)).data
  await model.close()
})

test('a folder as JSON lines, in order, every bit', async () => {
  const outcome = await vitrine(['features', photosFolder])
  expect(outcome).toMatchObject({ code: 0, error: '' })
  const found = lines<Line>(outcome)
  expect(found.map(({ index, source, dims }) => [index, source, dims])).toEqual(paths.map((path, i) => [i, path, [384]]))
  expect(Float32Array.from(found.flatMap(({ features }) => features))).toEqual(expected)
})

test('files, globs and folders, as given; folders are searched through, links followed', async () => {
  const deep = join(folder.path, 'deep', 'deeper')
  mkdirSync(deep, { recursive: true })
  copyFileSync(paths[0]!, join(deep, 'B.JPG'))
  symlinkSync(paths[1]!, join(deep, 'a.jpg'))
  writeFileSync(join(deep, 'notes.txt'), 'no picture')
  const outcome = await vitrine(['features', paths[4]!, join(folder.path, 'deep'), `${photosFolder}/r*.jpg`])
  expect(outcome.code, outcome.error).toBe(0)
  expect(lines<Line>(outcome).map(({ source }) => source)).toEqual([paths[4], join(deep, 'B.JPG'), join(deep, 'a.jpg'), paths[7], paths[8]])
})

test('several pools and layers are objects by name', async () => {
  const outcome = await vitrine(['features', paths[0]!, '--pool', 'cls,mean', '--layers', '6,-1', '--normalize'])
  expect(outcome.code, outcome.error).toBe(0)
  const [line] = lines<{ dims: Record<string, number[]>; features: Record<string, number[]> }>(outcome)
  expect(line!.dims).toEqual({ 'cls@6': [384], 'mean@6': [384], 'cls@-1': [384], 'mean@-1': [384] })
  for (const vector of Object.values(line!.features)) {
    expect(vector.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5)
  }
})

test('--token-merging: a number or a list; the tokens that are left', async () => {
  const flags = ['--pool', 'cls,tokens', '--layers', '2,-1', '--image-size', '42x56', '--token-merging']
  const dims = { 'cls@2': [384], 'cls@-1': [384] }
  for (const [value, second, last] of [
    ['1', 11, 2],
    ['2,1', 10, 10],
  ] as const) {
    const outcome = await vitrine(['features', paths[0]!, ...flags, value])
    expect(outcome.code, outcome.error).toBe(0)
    const [line] = lines<{ dims: Record<string, number[]>; features: Record<string, number[][]> }>(outcome)
    expect(line!.dims).toEqual({ ...dims, 'tokens@2': [second, 384], 'tokens@-1': [last, 384] })
    expect([line!.features['tokens@2']!.length, line!.features['tokens@-1']!.length]).toEqual([second, last])
  }
  const output = join(folder.path, 'merged.npy')
  const written = await vitrine([
    'features',
    ...paths.slice(0, 2),
    ...['--pool', 'tokens', '--token-merging', '9', '--image-size', '56', '--format', 'npy', '--output', output],
  ])
  expect(written.code, written.error).toBe(0)
  expect(readFileSync(output).subarray(10, 128).toString('latin1')).toContain("'shape': (2, 2, 384)")
  const bad = await vitrine(['features', paths[0]!, '--token-merging', 'x'])
  expect(bad.code).toBe(2)
})

test('tokens are nested, and --image-size changes their number', async () => {
  const outcome = await vitrine(['features', paths[0]!, '--pool', 'tokens', '--image-size', '28x42'])
  const [line] = lines<{ dims: number[]; features: number[][] }>(outcome)
  expect(line!.dims).toEqual([7, 384])
  expect(line!.features.map(({ length }) => length)).toEqual(Array(7).fill(384))
})

test('bad images: said on standard error and in their line, the others done, exit code 1', async () => {
  const bad = join(folder.path, 'bad.jpg')
  writeFileSync(bad, 'no picture')
  const outcome = await vitrine(['features', paths[0]!, bad, 'nowhere.jpg', paths[1]!])
  expect(outcome.code).toBe(1)
  const found = lines<Line>(outcome)
  expect(found.map(({ error }) => error?.code ?? null)).toEqual([null, 'ERR_IMAGE_UNSUPPORTED', 'ERR_IMAGE_NOT_FOUND', null])
  expect(found[1]!.error!.message).toContain('bad.jpg')
  expect(Float32Array.from(found[3]!.features)).toEqual(expected.slice(384, 768))
  expect(outcome.error.split('\n').filter(Boolean)).toHaveLength(2)
  expect(outcome.error).toContain('nowhere.jpg')
})

test('.npy', async () => {
  const output = join(folder.path, 'new', 'features.npy')
  const outcome = await vitrine(['features', photosFolder, '--format', 'npy', '--output', output])
  expect(outcome).toEqual({ code: 0, out: '', error: '' })
  const bytes = readFileSync(output)
  expect(bytes.toString('latin1', 0, 8)).toBe('\x93NUMPY\x01\x00')
  const length = bytes.readUInt16LE(8)
  expect((10 + length) % 64).toBe(0)
  expect(bytes.toString('latin1', 10, 10 + length).trim()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 384), }")
  expect(new Float32Array(Uint8Array.from(bytes.subarray(10 + length)).buffer)).toEqual(expected)
  expect(existsSync(`${output}.part`)).toBe(false)
})

test('.safetensors: a tensor per output, sources in the metadata, NaN for a bad image', async () => {
  const output = join(folder.path, 'features.safetensors')
  const outcome = await vitrine([
    'features',
    paths[0]!,
    'nowhere.jpg',
    paths[1]!,
    '--pool',
    'cls,tokens',
    '--format',
    'safetensors',
    '--output',
    output,
  ])
  expect(outcome.code).toBe(1)
  const bytes = readFileSync(output)
  const length = Number(bytes.readBigUInt64LE())
  expect(length % 8).toBe(0)
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  expect(JSON.parse(header.__metadata__.sources)).toEqual([paths[0], 'nowhere.jpg', paths[1]])
  expect(header.cls).toEqual({ dtype: 'F32', shape: [3, 384], data_offsets: [0, 3 * 384 * 4] })
  expect(header.tokens.shape).toEqual([3, 257, 384])
  expect(header.tokens.data_offsets[1]).toBe(bytes.length - 8 - length)
  const values = (start: number, count: number) =>
    new Float32Array(Uint8Array.from(bytes.subarray(8 + length + start, 8 + length + start + 4 * count)).buffer)
  expect(values(0, 384)).toEqual(expected.slice(0, 384))
  expect(values(384 * 4, 384).every(Number.isNaN)).toBe(true)
  expect(values(2 * 384 * 4, 384)).toEqual(expected.slice(384, 768))
  expect(values(header.tokens.data_offsets[0] + 2 * 257 * 384 * 4, 384)).toEqual(expected.slice(384, 768))
})

test('JSON lines into a file', async () => {
  const output = join(folder.path, 'features.jsonl')
  expect(await vitrine(['features', paths[0]!, '--output', output])).toEqual({ code: 0, out: '', error: '' })
  expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ index: 0, dims: [384] })
})

test('an output that cannot be written is exit code 1, without a stack', async () => {
  const { code, error } = await vitrine(['features', paths[0]!, '--output', join(paths[0]!, 'below-a-file.jsonl')])
  expect(code).toBe(1)
  expect(error).toMatch(/^vitrine: .*(ENOTDIR|EEXIST)/)
  expect(error).not.toContain('    at ')
})

test('a reader that goes away ends it quietly', async () => {
  const child = spawn(process.execPath, [main, 'features', ...Array(6).fill(photosFolder), '--pool', 'tokens'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let error = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    error += text
  })
  child.stdout.once('data', () => child.stdout.destroy())
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect({ code, error }).toEqual({ code: 0, error: '' })
})
