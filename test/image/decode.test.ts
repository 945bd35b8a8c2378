// Every picture decodes to Pillow's bytes; every bad file is refused for the right reason, from a path and from bytes.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_MAX_PIXELS, type DecodeOptions, decode, type Picture } from '../../lib/image/decode'
import { captureImage } from '../../lib/image/input'
import { bad, expected, fileOf, imagesFolder, sha256, toRgb } from './support'

const options: DecodeOptions = { exif: true, alpha: 'drop', maxPixels: DEFAULT_MAX_PIXELS }

async function decodeSource(source: unknown, changes: Partial<DecodeOptions> = {}): Promise<Picture> {
  const image = captureImage(source, 0)
  if (image.kind === 'bad') throw image.error
  if (image.kind === 'pixels') throw new Error('not a picture')
  return decode(image, { ...options, ...changes })
}

describe('good pictures', () => {
  const pictures = Object.entries(expected.pictures)
  it.each(pictures)('%s has Pillow’s size and, where the decoder can, its bytes', async (name, want) => {
    const { path, exif } = fileOf(name)
    for (const source of [path, readFileSync(path)]) {
      const picture = await decodeSource(source, { exif })
      expect([picture.width, picture.height]).toEqual([want.width, want.height])
      expect(sha256(toRgb(picture)) === want.sha256).toBe(want.decoder_equal)
    }
  })
  it.each(pictures.filter(([, want]) => want.sha256_over_white))('%s over white', async (name, want) => {
    const picture = await decodeSource(fileOf(name).path, { alpha: 'white' })
    expect(sha256(toRgb(picture)) === want.sha256_over_white).toBe(want.over_white_equal)
  })
  it('opaque pictures are three channels over white too', async () => {
    const picture = await decodeSource(fileOf('photo.jpg').path, { alpha: 'white' })
    expect(picture.layout).toBe('rgb')
    expect(sha256(picture.data)).toBe(expected.pictures['photo.jpg']!.sha256)
  })
})

describe('bad files', () => {
  const codes = {
    empty: 'ERR_IMAGE_EMPTY',
    unsupported: 'ERR_IMAGE_UNSUPPORTED',
    'too-large': 'ERR_IMAGE_TOO_LARGE',
    decode: 'ERR_IMAGE_DECODE',
  }
  it.each(Object.entries(bad))('%s', async (file, { expect: kind }) => {
    const path = join(imagesFolder, 'bad', file)
    for (const source of [path, readFileSync(path), new Blob([readFileSync(path)])]) {
      await expect(decodeSource(source)).rejects.toMatchObject({
        name: 'VitrineError',
        code: codes[kind],
        message: expect.stringMatching(/^image 0 \(.+\): [^\n]+$/),
      })
    }
  })
})

describe('where pictures come from', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vitrine-decode-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const want = expected.pictures['exact.png']!.sha256
  const file = () => fileOf('exact.png').path

  it('a Blob, a file: URL, a data: URL with base64 or escapes', async () => {
    const bytes = readFileSync(file())
    const escaped = [...bytes].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('')
    const sources = [
      new Blob([bytes]),
      new URL(`file://${file()}`),
      `data:image/png;base64,${bytes.toString('base64')}`,
      new URL(`data:;base64,${bytes.toString('base64url')}`),
      `data:image/png,${escaped}`,
    ]
    for (const source of sources) expect(sha256((await decodeSource(source)).data)).toBe(want)
  })

  it('a file whose name ends in brackets, which libvips takes for options', async () => {
    const path = join(folder, 'a.png[page=3]')
    copyFileSync(file(), path)
    expect(sha256((await decodeSource(path)).data)).toBe(want)
    await expect(decodeSource(join(folder, 'none[1]'))).rejects.toMatchObject({ code: 'ERR_IMAGE_NOT_FOUND' })
  })

  it('a file that was replaced since it was last read', async () => {
    const path = join(folder, 'changing.png')
    copyFileSync(fileOf('odd-4.png').path, path)
    await decodeSource(path)
    copyFileSync(file(), path)
    expect(sha256((await decodeSource(path)).data)).toBe(want)
  })

  it('no file, a folder, a name with a slash too many', async () => {
    mkdirSync(join(folder, 'folder.jpg'))
    for (const path of [join(folder, 'none.jpg'), join(folder, 'folder.jpg'), `${file()}/more`]) {
      await expect(decodeSource(path)).rejects.toMatchObject({ code: 'ERR_IMAGE_NOT_FOUND', message: expect.stringContaining(path) })
    }
  })

  it('bytes without a picture in them', async () => {
    const empty = join(folder, 'empty')
    writeFileSync(empty, '')
    for (const source of [empty, new Uint8Array(0), new Blob([]), 'data:image/png;base64,']) {
      await expect(decodeSource(source)).rejects.toMatchObject({ code: 'ERR_IMAGE_EMPTY' })
    }
    await expect(decodeSource('data:image/png')).rejects.toMatchObject({ code: 'ERR_IMAGE_UNSUPPORTED' })
    await expect(decodeSource('data:,%zz')).rejects.toMatchObject({ code: 'ERR_IMAGE_UNSUPPORTED' })
  })

  it('an http URL; a status that is not 200 is named', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/a.png') response.end(readFileSync(file()))
      else if (request.url === '/hangs') response.flushHeaders()
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      expect(sha256((await decodeSource(`${base}/a.png`)).data)).toBe(want)
      expect(sha256((await decodeSource(new URL(`${base}/a.png`))).data)).toBe(want)
      await expect(decodeSource(`${base}/none`)).rejects.toMatchObject({
        code: 'ERR_IMAGE_NOT_FOUND',
        message: expect.stringContaining('404'),
      })
      const abort = new AbortController()
      const hanging = decodeSource(`${base}/hangs`, { signal: abort.signal })
      setTimeout(() => abort.abort(new Error('enough')), 20)
      await expect(hanging).rejects.toThrow('enough')
    } finally {
      server.closeAllConnections()
      server.close()
    }
    await expect(decodeSource(`${base}/a.png`)).rejects.toMatchObject({ code: 'ERR_IMAGE_NOT_FOUND' })
  })
})

describe('limits', () => {
  it('a picture above maxPixels is refused, one of exactly that many is not', async () => {
    const path = fileOf('exact.png').path
    await expect(decodeSource(path, { maxPixels: 224 * 224 - 1 })).rejects.toMatchObject({ code: 'ERR_IMAGE_TOO_LARGE' })
    await decodeSource(path, { maxPixels: 224 * 224 })
    const raw = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 }
    await expect(decodeSource(raw, { maxPixels: 3 })).rejects.toMatchObject({ code: 'ERR_IMAGE_TOO_LARGE' })
    await decodeSource(raw, { maxPixels: 4 })
  })
  it('raw pixels keep their channels; C++ makes RGB of them', async () => {
    const raw = (channels: number) => ({ data: new Uint8Array(channels), width: 1, height: 1, channels })
    expect((await decodeSource(raw(1))).layout).toBe('grey')
    expect((await decodeSource(raw(3))).layout).toBe('rgb')
    expect((await decodeSource(raw(4))).layout).toBe('rgba')
    expect((await decodeSource(raw(4), { alpha: 'white' })).layout).toBe('rgba-over-white')
  })
})
