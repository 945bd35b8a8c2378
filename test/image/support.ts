// The picture fixtures and a model in TypeScript of what C++ makes of the layouts that decode() returns. Another set of pictures:
// VITRINE_FIXTURES=<folder with images/>.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Picture } from '../../lib/image/decode'

export const imagesFolder = join(process.env.VITRINE_FIXTURES ?? join(__dirname, '..', 'fixtures'), 'images')

interface ExpectedPicture {
  width: number
  height: number
  sha256: string
  sha256_over_white?: string
  decoder_equal: boolean
  over_white_equal?: boolean
}
interface ExpectedPipeline {
  width: number
  height: number
  backend: 'pillow' | 'torchvision' | 'float'
  config: string | null
}
type Crops = Record<string, Record<string, string>>

export const expected = JSON.parse(readFileSync(join(imagesFolder, 'expected.json'), 'utf8')) as {
  pictures: Record<string, ExpectedPicture>
  pipelines: Record<string, ExpectedPipeline>
  crops: Crops
  crops_before_pillow_13: Crops
}
export const bad = JSON.parse(readFileSync(join(imagesFolder, 'bad', 'expected.json'), 'utf8')) as Record<
  string,
  { expect: 'empty' | 'unsupported' | 'too-large' | 'decode' }
>

/** `rotated.jpg (exif: false)` → its file and options. */
export function fileOf(picture: string): { path: string; exif: boolean } {
  const exif = !picture.endsWith(' (exif: false)')
  return { path: join(imagesFolder, picture.replace(' (exif: false)', '')), exif }
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** RGB of a decoded picture: Pillow's formulas, written once more. */
export function toRgb({ data, layout, width, height }: Picture): Uint8Array {
  if (layout === 'rgb') return data
  const out = new Uint8Array(width * height * 3)
  const muldiv = (a: number, b: number) => {
    const t = a * b + 128
    return (t + (t >> 8)) >> 8
  }
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      let v: number
      if (layout === 'grey') v = data[i]!
      else if (layout === 'rgba') v = data[4 * i + c]!
      else if (layout === 'cmyk') {
        const k = 255 - data[4 * i + 3]!
        v = k - muldiv(data[4 * i + c]!, k)
      } else {
        const alpha = data[4 * i + 3]!
        const t = (data[4 * i + c]! * alpha + 255 * (255 - alpha)) * 128 + 16384
        v = (t + (t >> 8)) >> 15
      }
      out[3 * i + c] = v
    }
  }
  return out
}
