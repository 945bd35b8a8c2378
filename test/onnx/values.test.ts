// Weights as the graph wants them: parts joined, turned, converted, resized; and the 16-bit types, rounded as IEEE says.
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromHalf, toBfloat, toHalf } from '../../lib/onnx/float16'
import type { FloatType, Weight } from '../../lib/onnx/graph'
import { WeightReader } from '../../lib/onnx/values'
import type { Tensor } from '../../lib/spec'
import { temporaryFolder } from '../support/fixtures'

const part = (shape: number[], dtype: 'f32' | 'f16' | 'bf16', offset: number) => ({ file: 0, offset, shape, dtype, name: dtype })
const weight = (dims: number[], tensor: Tensor, type: FloatType = 'float32', transpose = false): Weight => ({
  name: 'w',
  dims,
  tensor,
  transpose,
  type,
})
const open = (content: ArrayBufferView) => {
  const folder = temporaryFolder({ weights: new Uint8Array(content.buffer) })
  return WeightReader.open({ files: [join(folder, 'weights')] })
}
const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x3f80, 0xc000, 0x0001, 0x7f7f)

describe('WeightReader', () => {
  it('widens f16 and bf16, and puts zeros where the file has nothing', async () => {
    const reader = await open(bits)
    const tensor = [part([1, 4], 'f16', 0), { zeros: [1, 4], name: 'no bias' }, part([1, 4], 'bf16', 8)]
    const rows = await reader.floats(weight([3, 4], tensor))
    expect(Array.from(rows)).toEqual([1, -2, 2 ** -24, 65504, 0, 0, 0, 0, 1, -2, 2 ** -133, (2 - 2 ** -7) * 2 ** 127])
    const columns = await reader.floats(weight([4, 3], tensor, 'float32', true))
    expect(Array.from(columns.subarray(0, 6))).toEqual([1, 0, 1, -2, 0, -2])
    await reader.close()
  })

  it('turns matrices larger than its squares and its slices', async () => {
    const [rows, columns] = [700, 1001]
    const values = Float32Array.from({ length: rows * columns }, (_, i) => i)
    const reader = await open(values)
    const turned = await reader.floats(weight([columns, rows], [part([rows, columns], 'f32', 0)], 'float32', true))
    for (let c = 0; c < columns; c++)
      for (let r = 0; r < rows; r++) if (turned[c * rows + r] !== values[r * columns + c]) throw new Error(`${r} ${c}`)
    await reader.close()
  })

  it('gives the bytes of each type, and refuses values that float16 cannot hold, by name', async () => {
    const reader = await open(Float32Array.of(1, -2, 1 / 3, 70000))
    const bytes = async (type: FloatType, values: number) => [...(await reader.bytes(weight([values], [part([values], 'f32', 0)], type)))]
    expect(await bytes('float16', 3)).toEqual([0x00, 0x3c, 0x00, 0xc0, 0x55, 0x35])
    expect(await bytes('bfloat16', 3)).toEqual([0x80, 0x3f, 0x00, 0xc0, 0xab, 0x3e])
    expect(await bytes('float32', 1)).toEqual([0, 0, 0x80, 0x3f])
    await expect(bytes('float16', 4)).rejects.toThrow(/f32: 70000 is beyond float16/)
    await reader.close()
  })

  it('refuses parts that do not fill the weight, a file that ends early, or that has changed', async () => {
    const reader = await open(bits)
    const read = (rows: number, ...tensor: Tensor) => reader.floats(weight([rows, 4], tensor))
    await expect(read(2, part([1, 4], 'f16', 0))).rejects.toThrow(/needs \[2,4\], found f16 \[1,4\]/)
    await expect(read(1, part([1, 4], 'f16', 0), part([1, 4], 'f16', 8))).rejects.toThrow(/needs \[1,4\]/)
    await expect(read(1, part([1, 4], 'f32', 8))).rejects.toThrow(/expected 16 bytes, found 8/)
    await reader.close()

    const folder = temporaryFolder({ weights: new Uint8Array(16) })
    const files = [join(folder, 'weights')]
    const stamps = [{ ino: 0n, size: 16n, mtimeNs: 0n }]
    await expect(WeightReader.open({ files, stamps })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_CHANGED' })
    const { statSync } = await import('node:fs')
    const { ino, size, mtimeNs } = statSync(files[0]!, { bigint: true })
    const stamped = await WeightReader.open({ files, stamps: [{ ino, size, mtimeNs }] })
    await stamped.checkUnchanged()
    utimesSync(files[0]!, 1, 1)
    await expect(stamped.checkUnchanged()).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_CHANGED' })
    await stamped.close()
  })
})

describe('float16', () => {
  const word = new Uint32Array(1)
  const single = new Float32Array(word.buffer)
  const half = (value: number) => {
    single[0] = value
    return toHalf(word[0]!)
  }
  it('gives every half back', () => {
    for (let h = 0; h < 0x10000; h++) {
      const value = fromHalf(h)
      if (!Number.isNaN(value)) {
        if (half(value) !== h) throw new Error(`${h.toString(16)} → ${half(value).toString(16)}`)
      } else expect(Number.isNaN(fromHalf(half(value)))).toBe(true)
    }
  })
  it('rounds to nearest, halves to even', () => {
    // Between every two neighbours: just below, at and just above the middle.
    for (let h = 0; h < 0x7bff; h++) {
      const [a, b] = [fromHalf(h), fromHalf(h + 1)]
      const middle = (a + b) / 2
      const found = [half(middle - (b - a) / 1024), half(middle), half(middle + (b - a) / 1024)]
      if (`${found}` !== `${[h, h + (h % 2), h + 1]}`) throw new Error(`${h.toString(16)}: ${found}`)
    }
    expect([half(65519), half(65520), half(1e10), half(-1e10)]).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00])
    const bfloat = (bits: number) => toBfloat(bits)
    expect([0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0xff800000].map(bfloat)).toEqual([0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xff80])
    expect(bfloat(0x7f800001)).toBe(0x7fc0)
  })
})
