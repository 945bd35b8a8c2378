// The components in a JPEG's frame header, of pictures by the encoder and of bytes by hand.
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { jpegComponents } from '../../lib/image/jpeg'

const picture = (channels: 3 | 4) => sharp({ create: { width: 9, height: 5, channels, background: 'teal' } })
const bytes = (...values: number[]) => Uint8Array.from(values)
const frame = (marker: number, components: number) => [0xff, marker, 0, 17, 8, 0, 5, 0, 9, components]

describe('by the encoder', () => {
  it.each([
    ['baseline', 3, () => picture(3).jpeg()],
    ['progressive', 3, () => picture(3).jpeg({ progressive: true })],
    [
      'with metadata before the frame',
      3,
      () =>
        picture(3)
          .withExif({ IFD0: { Copyright: 'x'.repeat(300) } })
          .keepIccProfile()
          .jpeg(),
    ],
    ['grey', 1, () => picture(3).toColourspace('b-w').jpeg()],
    ['CMYK', 4, () => picture(3).toColourspace('cmyk').jpeg()],
    ['no JPEG', undefined, () => picture(4).png()],
  ] as const)('%s', async (_, components, encoder) => {
    expect(jpegComponents(await encoder().toBuffer())).toBe(components)
  })
})

describe('by hand', () => {
  it('fill bytes, markers that stand alone, tables', () => {
    const table = [0xff, 0xc4, 0, 4, 0xff, 0xc0] // what a table holds is no marker
    expect(jpegComponents(bytes(0xff, 0xd8, 0xff, 0xff, 0xff, 0x01, ...table, 0xff, 0xd0, ...frame(0xc2, 3)))).toBe(3)
  })
  it('ends: a scan, the end, anything but a marker, nothing more', () => {
    for (const tail of [[0xff, 0xda, 0, 8], [0xff, 0xd9], [0, ...frame(0xc0, 3)], [], [0xff], [0xff, 0xe0], [0xff, 0xe0, 0xff, 0xff]])
      expect(jpegComponents(bytes(0xff, 0xd8, ...tail))).toBeUndefined()
    expect(jpegComponents(bytes(...frame(0xc0, 3)))).toBeUndefined()
    expect(jpegComponents(bytes())).toBeUndefined()
    expect(jpegComponents(bytes(0xff, 0xd8, ...frame(0xc0, 3).slice(0, 9)))).toBeUndefined()
  })
  it('a length of zero does not hold it up', () => {
    expect(jpegComponents(bytes(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0))).toBeUndefined()
  })
})
