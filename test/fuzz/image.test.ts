// Pictures spoiled at random, by seed: each is decoded or refused with a code for images, never a crash, never another error. The bytes
// are cut, flipped, zeroed or doubled; VITRINE_TEST_SEED=n spoils others.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { VitrineError } from '../../lib/errors'
import { decode, type Picture } from '../../lib/image/decode'
import { captureImage } from '../../lib/image/input'
import { fileOf } from '../image/support'
import { Random } from '../support/seed'

const spoil: ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => bytes.subarray(0, random.int(0, bytes.length)),
  (bytes, random) => bytes.map((byte, i) => (i === random.seed % bytes.length ? byte ^ 0xff : byte)),
  (bytes, random) => {
    const out = bytes.slice()
    for (let n = random.int(1, 20); n > 0; n--) out[random.int(0, Math.min(out.length, 600))] = random.int(0, 256)
    return out
  },
  (bytes, random) => {
    const from = random.int(0, bytes.length)
    return bytes.slice().fill(0, from, from + random.int(1, 64))
  },
  (bytes, random) => {
    const at = random.int(0, bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - random.int(1, 99)))])
  },
]

const files = [
  '444.jpg',
  'progressive.jpg',
  'cmyk.jpg',
  'palette-transparent.png',
  'interlaced.png',
  'rgba16.png',
  'alpha.webp',
  'animated.gif',
  'lzw.tiff',
  'cmyk.tiff',
  'orient-6.jpg',
  '444.avif',
]

it.each(files)('%s', async (file) => {
  const bytes = new Uint8Array(readFileSync(fileOf(file).path))
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed * 7919)
    const spoiled = spoil[seed % spoil.length]!(bytes, random)
    const image = captureImage(spoiled, 0)
    if (image.kind !== 'bytes') throw new Error('not bytes')
    const outcome: Picture | unknown = await decode(image, { exif: true, alpha: seed % 2 ? 'white' : 'drop', maxPixels: 1e6 }).catch(
      (error) => error,
    )
    const seen = `seed ${random.seed}: ${outcome instanceof Error ? outcome.message : 'decoded'}`
    if (outcome instanceof VitrineError) {
      expect(outcome.code, seen).toMatch(/^ERR_IMAGE_(EMPTY|UNSUPPORTED|TOO_LARGE|DECODE)$/)
    } else {
      const { data, layout, width, height } = outcome as Picture
      expect(data.length, seen).toBe(width * height * (layout === 'rgb' ? 3 : 4))
    }
  }
})
