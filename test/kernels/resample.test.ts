// Both passes of every instruction set against the reference: exact, so a single level off fails. Sources end where nothing may be read,
// and every byte around the outputs must stay as it was.
import { describe, expect, it } from 'vitest'
import { Random } from '../support/seed'
import { isas, kernels, type ResampleCall } from './kernels'

type Axis = Pick<ResampleCall, 'first' | 'length' | 'coefficients' | 'taps' | 'bits'>

/** Random windows over `pixels`, in ascending order, of coefficients up to 2^22 whose sums stay within 32 bits. */
function randomAxis(random: Random, pixels: number, outputs: number, taps: number, bits = 22): Axis {
  const first = new Int32Array(outputs)
  const length = new Int32Array(outputs)
  const coefficients = new Int32Array(outputs * taps)
  for (let i = 0; i < outputs; i++) {
    // The last windows end with the edge, where a kernel must not read on.
    length[i] = Math.min(pixels, i === outputs - 1 ? taps : random.int(1, taps + 1))
    first[i] = i === outputs - 1 ? pixels - length[i]! : Math.floor((i * (pixels - length[i]!)) / outputs)
    const weights = random.floats(length[i]!)
    const total = weights.reduce((sum, w) => sum + Math.abs(w), 0)
    for (let j = 0; j < length[i]!; j++) coefficients[i * taps + j] = Math.round((weights[j]! / total) * 1.9 * 2 ** bits)
  }
  return { first, length, coefficients, taps, bits }
}

const run = (isa: string, call: ResampleCall) => Buffer.from(kernels.resample(isa, call))

describe.each(isas)('$name', ({ name }) => {
  it('horizontal: rows, pixels and taps around every tile', () => {
    const random = new Random(11)
    for (const taps of [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 70]) {
      for (const pixels of [1, 2, 3, 5, 11, 31, 64, 129]) {
        for (const outputs of [1, 2, 3, 7, 23]) {
          const rows = random.int(1, 10)
          const stride = pixels * 3 + random.int(0, 9)
          const outStride = outputs * 3 + random.int(0, 9)
          const call: ResampleCall = {
            ...randomAxis(random, pixels, outputs, Math.min(taps, pixels)),
            source: random.bytes((rows - 1) * stride + pixels * 3),
            stride,
            rows,
            out: new Uint8Array((rows - 1) * outStride + outputs * 3).fill(0xa5),
            outStride,
            slack: random.int(0, 3),
          }
          const shape = JSON.stringify({ taps, pixels, outputs, rows, stride, outStride, seed: random.seed })
          expect(run(name, call).equals(run('reference', call)), shape).toBe(true)
        }
      }
    }
  })

  it('horizontal: one row alone has the bytes that it has among others', () => {
    const random = new Random(12)
    const [pixels, outputs, rows] = [200, 90, 7]
    const axis = randomAxis(random, pixels, outputs, 16)
    const source = random.bytes(rows * pixels * 3)
    const all = run(name, { ...axis, source, stride: pixels * 3, rows, out: new Uint8Array(rows * outputs * 3), outStride: outputs * 3 })
    for (let r = 0; r < rows; r++) {
      const row = source.subarray(r * pixels * 3, (r + 1) * pixels * 3)
      const alone = run(name, { ...axis, source: row, stride: 0, rows: 1, out: new Uint8Array(outputs * 3), outStride: 0 })
      expect(alone.equals(all.subarray(r * outputs * 3, (r + 1) * outputs * 3)), `row ${r}`).toBe(true)
    }
  })

  it('vertical: bytes and taps around every block', () => {
    const random = new Random(13)
    for (const taps of [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 70]) {
      for (const bytes of [1, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 194, 672]) {
        const lines = taps + random.int(0, 20)
        const stride = bytes + random.int(0, 9)
        const outputs = random.int(1, 5)
        const call: ResampleCall = {
          ...randomAxis(random, lines, outputs, taps),
          source: random.bytes((lines - 1) * stride + bytes),
          stride,
          out: new Uint8Array(bytes).fill(0xa5),
          index: random.int(0, outputs),
          slack: random.int(0, 3),
        }
        const shape = JSON.stringify({ taps, bytes, lines, stride, index: call.index, seed: random.seed })
        expect(run(name, call).equals(run('reference', call)), shape).toBe(true)
      }
    }
  })

  it('extremes: one, zero and negative coefficients, clipping at both ends, few bits, thousands of taps', () => {
    const one = (value: number, bits: number): Axis => ({
      first: new Int32Array([0]),
      length: new Int32Array([2]),
      coefficients: Int32Array.from([value, -(2 ** 20)]),
      taps: 2,
      bits,
    })
    const axes = [one(2 ** 22, 22), one(0, 22), one(-(2 ** 22), 22), one(2 ** 22 - 1, 22), one(1, 1), one(32767, 15), one(2 ** 22, 15)]
    const source = new Uint8Array([255, 0, 128, 255, 0, 128, 255, 1])
    for (const axis of axes) {
      const across: ResampleCall = { ...axis, source: source.subarray(0, 6), stride: 6, rows: 1, out: new Uint8Array(3), outStride: 3 }
      expect(run(name, across)).toEqual(run('reference', across))
      const down: ResampleCall = { ...axis, source: source.subarray(0, 6), stride: 3, out: new Uint8Array(3), index: 0 }
      expect(run(name, down)).toEqual(run('reference', down))
    }
    // So many that the sum of the coefficients' low halves passes 32 bits.
    const taps = 10_001
    const many: Axis = { ...one(0, 22), length: new Int32Array([taps]), coefficients: new Int32Array(taps).fill(419), taps }
    const across: ResampleCall = {
      ...many,
      source: new Uint8Array(taps * 3).fill(255),
      stride: 0,
      rows: 1,
      out: new Uint8Array(3),
      outStride: 3,
    }
    expect([...run(name, across)]).toEqual([255, 255, 255])
    const down: ResampleCall = { ...many, source: new Uint8Array(taps * 70).fill(255), stride: 70, out: new Uint8Array(70), index: 0 }
    expect(run(name, down)).toEqual(run('reference', down))
  })
})

it('the reference gives what the formula gives, and writes nothing else', () => {
  const axis: Axis = {
    first: new Int32Array([0, 1]),
    length: new Int32Array([2, 1]),
    coefficients: new Int32Array([1, 1, 3, 0]),
    taps: 2,
    bits: 1,
  }
  const source = new Uint8Array([10, 20, 30, 11, 100, 200])
  const across = kernels.resample('reference', { ...axis, source, stride: 0, rows: 1, out: new Uint8Array(8).fill(9), outStride: 0 })
  // (10 + 11 + 1) / 2, …; (3 · 11 + 1) / 2, …, clipped
  expect([...across]).toEqual([11, 60, 115, 17, 150, 255, 9, 9])
  const down = kernels.resample('reference', { ...axis, source, stride: 3, out: new Uint8Array(2), index: 1 })
  expect([...down]).toEqual([17, 150])
})
