// What is accepted as an image, how it is named, and that nothing a user does afterwards changes it.

import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type CapturedImage, captureInput, ownPixels } from '../../lib/image/input'

// Node has it, the language version that lib/ is compiled for does not.
const Resizable = ArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void }

function only(input: unknown): CapturedImage {
  const images = captureInput(input)
  expect(images).toHaveLength(1)
  return images[0]!
}
function bytesOf(image: CapturedImage): number[] {
  if (image.kind === 'bytes' && image.bytes instanceof Uint8Array) return [...image.bytes]
  if (image.kind === 'raw' || image.kind === 'pixels') return [...image.data]
  throw new Error(`no bytes in a ${image.kind}`)
}
const badCode = (input: unknown) => {
  const image = only(input)
  return image.kind === 'bad' ? image.error.code : image.kind
}

describe('kinds', () => {
  it('paths and URLs', () => {
    expect(only('a/b.jpg')).toEqual({ kind: 'file', name: 'image 0 (a/b.jpg)', path: 'a/b.jpg' })
    expect(only(new URL('file:///a/b%20c.jpg'))).toMatchObject({ kind: 'file', path: '/a/b c.jpg' })
    expect(only('file:///a/b.jpg')).toMatchObject({ kind: 'file', path: '/a/b.jpg' })
    expect(only('https://a.example/b.jpg')).toMatchObject({ kind: 'url', url: 'https://a.example/b.jpg' })
    expect(only('HTTP://a.example/b.jpg').kind).toBe('url')
    expect(only(new URL('data:,a')).kind).toBe('url')
    expect(only('data.jpg').kind).toBe('file')
    expect(only('C:\\photos\\a.jpg').kind).toBe('file')
  })
  it('bytes in every wrapping, of this realm or another', () => {
    const bytes = Buffer.from([1, 2, 3])
    const view = new Uint8Array([0, 1, 2, 3, 0]).subarray(1, 4)
    const buffer = new Uint8Array([1, 2, 3]).buffer
    const shared = new SharedArrayBuffer(3)
    new Uint8Array(shared).set([1, 2, 3])
    const foreign: unknown = runInNewContext('new Uint8Array([1, 2, 3])')
    for (const source of [bytes, view, buffer, shared, new DataView(buffer), new Uint8ClampedArray([1, 2, 3]), foreign]) {
      expect(bytesOf(only(source))).toEqual([1, 2, 3])
    }
    expect(only(new Blob(['abc'])).kind).toBe('bytes')
  })
  it('raw pixels', () => {
    const image = only({ data: new Uint8ClampedArray([1, 2, 3, 4, 5, 6]), width: 2, height: 1, channels: 3 })
    expect(image).toMatchObject({ kind: 'raw', width: 2, height: 1, channels: 3 })
    expect(bytesOf(image)).toEqual([1, 2, 3, 4, 5, 6])
  })
  it('pixel values, one image per row of the batch', () => {
    const data = Float32Array.from({ length: 2 * 3 * 2 }, (_, i) => (i === 5 ? Number.NaN : i))
    const images = captureInput({ type: 'float32', dims: [2, 3, 1, 2], data })
    expect(images.map(bytesOf)).toEqual([
      [0, 1, 2, 3, 4, Number.NaN],
      [6, 7, 8, 9, 10, 11],
    ])
    expect(images[1]).toMatchObject({ kind: 'pixels', width: 2, height: 1, name: 'image 1 (pixel values)' })
  })
  it('an array keeps its order, its holes and its bad images', () => {
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    const images = captureInput(['a.jpg', 3, , new Uint8Array([1])])
    expect(images.map((image) => image.kind)).toEqual(['file', 'bad', 'bad', 'bytes'])
    expect(images.map((image) => image.name)).toEqual([
      'image 0 (a.jpg)',
      'image 1 (a number)',
      'image 2 (undefined)',
      'image 3 (Uint8Array of 1 bytes)',
    ])
  })
})

describe('what a user does after the call', () => {
  it('does not change the bytes: writing, transfer, resize', () => {
    const buffer = new Resizable(4, { maxByteLength: 8 })
    const bytes = new Uint8Array(buffer)
    bytes.set([1, 2, 3, 4])
    const pixels = new Float32Array([1, 2, 3])
    const captured = [
      only(bytes),
      only({ data: bytes, width: 2, height: 2, channels: 1 }),
      only({ type: 'float32', dims: [1, 3, 1, 1], data: pixels }),
    ]
    captured.forEach(ownPixels)
    bytes.fill(9)
    buffer.resize(0)
    structuredClone(pixels, { transfer: [pixels.buffer] })
    expect(captured.map(bytesOf)).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3],
    ])
  })
  it('does not change shared memory that another thread writes', async () => {
    const shared = new SharedArrayBuffer(1 << 16)
    const image = only(new Uint8Array(shared))
    const worker = new Worker('require("node:worker_threads").workerData.fill(7)', { eval: true, workerData: new Uint8Array(shared) })
    await new Promise((resolve) => worker.once('exit', resolve))
    expect(new Uint8Array(shared)[0]).toBe(7)
    expect(bytesOf(image).every((byte) => byte === 0)).toBe(true)
    expect(image.kind === 'bytes' && image.bytes instanceof Uint8Array && image.bytes.buffer instanceof ArrayBuffer).toBe(true)
  })
  it('a detached or shrunken buffer before the call has no bytes, and is no crash', () => {
    const bytes = new Uint8Array([1, 2, 3])
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(bytesOf(only(bytes))).toEqual([])
    expect(badCode({ data: bytes, width: 3, height: 1, channels: 1 })).toBe('ERR_IMAGE_DIMS')
    const resizable = new Resizable(8, { maxByteLength: 8 })
    const view = new Uint8Array(resizable, 4, 4)
    resizable.resize(2)
    expect(bytesOf(only(view))).toEqual([])
  })
})

describe('refused', () => {
  const thrown = (input: unknown) => {
    try {
      captureInput(input)
    } catch (error) {
      return (error as { code: string }).code
    }
    return undefined
  }
  it('nothing', () => {
    for (const input of [undefined, null, []]) expect(thrown(input)).toBe('ERR_NO_IMAGES')
    expect(thrown({ type: 'float32', dims: [0, 3, 2, 2], data: new Float32Array(0) })).toBe('ERR_NO_IMAGES')
  })
  it('pixel values whose parts disagree', () => {
    const data = new Float32Array(12)
    for (const input of [
      { type: 'float32', dims: [3, 2, 2], data },
      { type: 'float32', dims: [1, 4, 1, 3], data },
      { type: 'float32', dims: [1, 3, 2, 3], data },
      { type: 'float32', dims: [1, 3, 2, 2.5], data },
      { type: 'float32', dims: [1, 3, -2, -2], data },
      { type: 'float32', dims: [1, 3, 0, 2], data: new Float32Array(0) },
      { type: 'float16', dims: [1, 3, 2, 2], data },
      { type: 'float32', dims: [1, 3, 2, 2], data: new Float64Array(12) },
      { type: 'float32', dims: 12, data },
      { dims: [1, 3, 2, 2], data },
    ]) {
      expect(thrown(input)).toBe('ERR_IMAGE_DIMS')
    }
    expect(thrown({ type: 'float32', dims: [1, 3, 2, 2], data })).toBeUndefined()
    expect(badCode([{ type: 'float32', dims: [1, 3, 2, 2], data }])).toBe('ERR_IMAGE_DIMS')
  })
  it('raw pixels whose parts disagree', () => {
    const data = new Uint8Array(12)
    for (const changes of [
      { width: 3 },
      { height: 0 },
      { width: 2.5 },
      { channels: 2 },
      { channels: undefined },
      { data: [1] },
      { data: new Uint16Array(6) },
      { width: 2 ** 31 },
    ]) {
      expect(badCode({ data, width: 2, height: 2, channels: 3, ...changes })).toBe('ERR_IMAGE_DIMS')
    }
  })
  it('what is no image', () => {
    for (const input of [3, true, {}, Symbol('a'), () => 1, new Float32Array(3), new Map()])
      expect(badCode(input)).toBe('ERR_IMAGE_UNSUPPORTED')
    for (const input of ['', 'a\0b', 'ftp://a.example/b', 'file://%zz', new URL('ftp://a.example/b')])
      expect(badCode(input)).toBe('ERR_IMAGE_NOT_FOUND')
  })
  it('without a password in the message, or the whole of a data: URL', () => {
    expect(only('https://user:secret@a.example/b.jpg').name).toBe('image 0 (https://a.example/b.jpg)')
    expect(only(`data:image/png;base64,${'A'.repeat(1000)}`).name.length).toBeLessThan(70)
  })
})
