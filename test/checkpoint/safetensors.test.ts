// Every way in which a weight file can be wrong, and what is said of it.
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSafetensors } from '../../lib/checkpoint/safetensors'
import type { ErrorCode } from '../../lib/errors'
import { fixture, temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { decode, type Entries, encode, f32, file } from '../support/safetensors'

const entries: Entries = { a: f32([2, 3]), b: f32([4]), c: f32([]) }
const whole = encode(entries)
const values = new Uint8Array(44)
type Header = Record<string, { dtype: unknown; shape: unknown; data_offsets: unknown }>
/** The whole file with one field of the header changed. */
const edited = (edit: (header: Header) => void): Buffer =>
  encode(entries, (header) => {
    edit(header as Header)
    return header
  })
const long = Buffer.alloc(8)
long.writeBigUInt64LE(100_000_001n)

const cases: [string, Uint8Array, ErrorCode, ...RegExp[]][] = [
  ['no bytes', new Uint8Array(), 'ERR_CHECKPOINT_TRUNCATED', /found 0 bytes/],
  ['half a length', whole.subarray(0, 5), 'ERR_CHECKPOINT_TRUNCATED', /8 bytes of length, found 5/],
  ['a length and nothing else', whole.subarray(0, 8), 'ERR_CHECKPOINT_TRUNCATED', /header needs \d+ bytes, found 8/],
  ['half a header', whole.subarray(0, 40), 'ERR_CHECKPOINT_TRUNCATED', /found 40 bytes/],
  ['values cut off', whole.subarray(0, -1), 'ERR_CHECKPOINT_TRUNCATED', /tensor c/],
  ['no values', whole.subarray(0, -44), 'ERR_CHECKPOINT_TRUNCATED', /tensor a/],
  ['one byte too many', Buffer.concat([whole, Buffer.from([0])]), 'ERR_CHECKPOINT_INVALID', /1 bytes after the last tensor/],
  ['an absurd length', Buffer.concat([long, whole.subarray(8)]), 'ERR_CHECKPOINT_INVALID', /100000001/],
  ['all ones', Buffer.alloc(64, 0xff), 'ERR_CHECKPOINT_INVALID', /no safetensors file/],
  ['text', Buffer.from('This is no weight file at all.'), 'ERR_CHECKPOINT_INVALID', /no safetensors file/],
  [
    'a Git LFS pointer',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    'ERR_CHECKPOINT_INVALID',
    /Git LFS/,
  ],
  ['a zip archive', Buffer.from('PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00'), 'ERR_CHECKPOINT_INVALID', /zip/],
  ['an empty header', file(''), 'ERR_CHECKPOINT_INVALID', /begin with "\{"/],
  ['a header that is no JSON', file('{"a":'), 'ERR_CHECKPOINT_INVALID', /not JSON/],
  ['a header that is a list', file('[1]'), 'ERR_CHECKPOINT_INVALID', /begin with/],
  ['a header with something behind it', file('{} {}'), 'ERR_CHECKPOINT_INVALID', /not JSON/],
  ['a header that is no text', file(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 'ERR_CHECKPOINT_INVALID', /UTF-8/],
  ['a header with spaces in front', file(' {}'), 'ERR_CHECKPOINT_INVALID', /begin with/],
  ['metadata that is no text', file('{"__metadata__":{"a":1}}'), 'ERR_CHECKPOINT_INVALID', /__metadata__/],
  ['a tensor that is null', edited((header) => Object.assign(header, { a: null })), 'ERR_CHECKPOINT_INVALID', /tensor a/],
  ['no dtype', edited((header) => delete header.a!.dtype), 'ERR_CHECKPOINT_INVALID', /tensor a: dtype/],
  ['a shape of fractions', edited((header) => (header.a!.shape = [2.5, 3])), 'ERR_CHECKPOINT_INVALID', /tensor a: shape/],
  ['a negative shape', edited((header) => (header.a!.shape = [-2, -3])), 'ERR_CHECKPOINT_INVALID', /tensor a: shape/],
  ['a shape beyond counting', edited((header) => (header.a!.shape = [2 ** 40, 2 ** 40])), 'ERR_CHECKPOINT_INVALID', /tensor a/],
  ['a shape beyond integers', edited((header) => (header.a!.shape = [1e300])), 'ERR_CHECKPOINT_INVALID', /tensor a: shape/],
  ['another shape', edited((header) => (header.a!.shape = [3, 3])), 'ERR_CHECKPOINT_INVALID', /tensor a: F32 \[3,3\] is 36 bytes/],
  ['another dtype', edited((header) => (header.a!.dtype = 'F16')), 'ERR_CHECKPOINT_INVALID', /tensor a: F16 \[2,3\] is 12 bytes/],
  ['three offsets', edited((header) => (header.a!.data_offsets = [0, 12, 24])), 'ERR_CHECKPOINT_INVALID', /data_offsets/],
  ['offsets of text', edited((header) => (header.a!.data_offsets = ['0', '24'])), 'ERR_CHECKPOINT_INVALID', /data_offsets/],
  ['negative offsets', edited((header) => (header.a!.data_offsets = [-24, 0])), 'ERR_CHECKPOINT_INVALID', /data_offsets/],
  ['offsets backwards', edited((header) => (header.a!.data_offsets = [24, 0])), 'ERR_CHECKPOINT_INVALID', /end before they begin/],
  ['overlapping tensors', edited((header) => (header.b!.data_offsets = [20, 36])), 'ERR_CHECKPOINT_INVALID', /tensor b.*overlap/],
  ['a hole', edited((header) => (header.c!.data_offsets = [44, 48])), 'ERR_CHECKPOINT_INVALID', /tensor c.*hole/],
  ['a hole in front', edited((header) => delete header.a), 'ERR_CHECKPOINT_INVALID', /tensor b.*hole/],
  ['offsets far out of range', edited((header) => (header.c!.data_offsets = [2 ** 40, 2 ** 40 + 4])), 'ERR_CHECKPOINT_INVALID', /tensor c/],
  [
    'offsets out of range',
    edited((header) => Object.assign(header.c!, { data_offsets: [40, 80], shape: [10] })),
    'ERR_CHECKPOINT_TRUNCATED',
    /c/,
  ],
  [
    'a tensor twice',
    file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)),
    'ERR_CHECKPOINT_INVALID',
    /the key "a" twice/,
  ],
  [
    'a tensor twice, spelled differently',
    file(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      new Uint8Array(4),
    ),
    'ERR_CHECKPOINT_INVALID',
    /twice/,
  ],
  [
    'a shape twice',
    file('{"a":{"dtype":"F32","shape":[1],"shape":[11],"data_offsets":[0,44]}}', values),
    'ERR_CHECKPOINT_INVALID',
    /the key "shape" twice/,
  ],
]

describe('a weight file that is wrong', () => {
  test.each(cases)('%s', async (_, bytes, code, ...texts) => {
    const path = join(temporaryFolder({ 'model.safetensors': bytes }), 'model.safetensors')
    await rejects(readSafetensors(path, 0), code, 'model.safetensors', ...texts)
  })

  test('two tensors in one place', async () => {
    const bytes = encode({ a: f32([2]), b: f32([2]) }, (header) => {
      ;(header as Header).b!.data_offsets = [0, 8]
      return header
    })
    const path = join(temporaryFolder({ 'model.safetensors': bytes.subarray(0, -8) }), 'model.safetensors')
    await rejects(readSafetensors(path, 0), 'ERR_CHECKPOINT_INVALID', /overlap/)
  })

  test('a file that is not there, a folder, a device', async () => {
    const folder = temporaryFolder()
    await rejects(readSafetensors(join(folder, 'gone.safetensors'), 0), 'ERR_CHECKPOINT_NOT_FOUND', 'gone.safetensors')
    await rejects(readSafetensors(folder, 0), 'ERR_CHECKPOINT_INVALID', /a folder/)
    if (process.platform !== 'win32') await rejects(readSafetensors('/dev/zero', 0), 'ERR_CHECKPOINT_INVALID', /no regular file/)
  })
})

describe('a weight file that is right', () => {
  test('names, types, shapes and places', async () => {
    const path = join(temporaryFolder({ 'model.safetensors': whole }), 'model.safetensors')
    const { tensors, stamp } = await readSafetensors(path, 3)
    const start = 8 + Number(whole.readBigUInt64LE(0))
    expect(tensors).toEqual([
      { name: 'a', file: 3, offset: start, shape: [2, 3], dtype: 'F32' },
      { name: 'b', file: 3, offset: start + 24, shape: [4], dtype: 'F32' },
      { name: 'c', file: 3, offset: start + 40, shape: [], dtype: 'F32' },
    ])
    expect(stamp.size).toBe(BigInt(whole.length))
  })

  test('padding behind the header, metadata, tensors in any order, empty tensors, types that nobody computes with', async () => {
    const header = {
      __metadata__: { format: 'pt' },
      later: { dtype: 'I64', shape: [2], data_offsets: [4, 20] },
      none: { dtype: 'F32', shape: [1, 0, 7], data_offsets: [4, 4] },
      first: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] },
      odd: { dtype: 'NEW_KIND', shape: [3], data_offsets: [20, 22] },
    }
    const path = join(temporaryFolder({ 'a.safetensors': file(`${JSON.stringify(header)}   `, new Uint8Array(22)) }), 'a.safetensors')
    const { tensors } = await readSafetensors(path, 0)
    expect(tensors.map((tensor) => tensor.name)).toEqual(['first', 'none', 'later', 'odd'])
  })

  test('no tensors at all', async () => {
    const path = join(temporaryFolder({ 'a.safetensors': file('{}') }), 'a.safetensors')
    expect((await readSafetensors(path, 0)).tensors).toEqual([])
  })

  test.skipIf(process.platform === 'win32')('through links', async () => {
    const folder = temporaryFolder({ blob: whole })
    symlinkSync(join(folder, 'blob'), join(folder, 'one'))
    symlinkSync('one', join(folder, 'model.safetensors'))
    expect((await readSafetensors(join(folder, 'model.safetensors'), 0)).tensors).toHaveLength(3)
  })

  test('a real file has the tensors that another reader finds', async () => {
    const path = join(fixture('hf-deit'), 'model.safetensors')
    const { tensors } = await readSafetensors(path, 0)
    const expected = decode(path)
    expect(Object.fromEntries(tensors.map(({ name, shape, dtype }) => [name, { shape, dtype }]))).toEqual(
      Object.fromEntries(Object.entries(expected).map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    )
  })

  test('a very long name costs no stack', async () => {
    const path = join(temporaryFolder(), 'model.safetensors')
    writeFileSync(path, encode({ ['x'.repeat(5_000_000)]: f32([1]) }))
    expect((await readSafetensors(path, 0)).tensors).toHaveLength(1)
  })
})
