// Parts of the command line that need no model: text for a terminal, the bar, headers, names, flags.
import { expect, test } from 'vitest'
import { outputNames } from '../../lib/cli/attention'
import { parse } from '../../lib/cli/flags'
import { renderHeatmap } from '../../lib/cli/heatmap'
import { asText } from '../../lib/cli/info'
import { npyHeader } from '../../lib/cli/npy'
import { duration, startProgress } from '../../lib/cli/progress'
import type { ModelInfo } from '../../lib/index'

/** What startProgress needs of standard error. */
function terminal(isTTY: boolean) {
  let text = ''
  const stream = {
    isTTY,
    columns: 100,
    write: (part: string) => {
      text += part
      return true
    },
  }
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text }
}

test('the bar shows count, rate, time left and failures on a terminal', () => {
  const { stream, text } = terminal(true)
  const progress = startProgress(4, true, stream)
  progress.tick()
  progress.complain('b.jpg is damaged')
  progress.tick()
  progress.end()
  expect(text()).toContain('0/4')
  expect(text()).toMatch(/2 of 4 images in \ds, [\d.]+ images\/s, 1 failed\n$/)
  expect(text()).toMatch(/\d images\/s/)
  expect(text()).toMatch(/\ds left, 1 failed/)
  expect(text()).toContain('vitrine: b.jpg is damaged\n')
})

test('on a pipe, nothing but complaints', () => {
  for (const [isTTY, shown] of [
    [false, true],
    [true, false],
  ] as const) {
    const { stream, text } = terminal(isTTY)
    const progress = startProgress(2, shown, stream)
    progress.tick()
    progress.complain('b.jpg is damaged')
    progress.end()
    expect(text()).toBe('vitrine: b.jpg is damaged\n')
  }
})

test('durations', () => {
  expect([0, 4.4, 59.6, 200, 3599, 7500].map(duration)).toEqual(['0s', '4s', '1m 00s', '3m 20s', '59m 59s', '2h 05m'])
})

test('flags become the API’s values', () => {
  expect(parse('cls', { kind: 'choices', values: [] })).toBe('cls')
  expect(parse('cls,mean', { kind: 'choices', values: [] })).toEqual(['cls', 'mean'])
  expect(parse('4,8,-1', { kind: 'integers' })).toEqual([4, 8, -1])
  expect(parse('224', { kind: 'size', max: 1 })).toBe(224)
  expect(parse('224x336', { kind: 'size', max: 1 })).toEqual({ height: 224, width: 336 })
  expect(parse('{"crop":null}', { kind: 'object' })).toEqual({ crop: null })
  for (const text of ['', 'x', '1,,2']) expect(() => parse(text, { kind: 'integers' })).toThrow('no number')
})

test('names of heatmaps do not collide', () => {
  expect(outputNames(['a/x.jpg', 'b/x.png', 'X.jpg', 'x-2.jpg', 'y'])).toEqual(['x.png', 'x-2.png', 'X-3.png', 'x-2-2.png', 'y.png'])
})

test('npy headers of every rank, padded to 64 bytes', () => {
  for (const shape of [[3], [3, 384], [3, 257, 384], [1e9, 1e9]]) {
    const header = npyHeader(shape)
    expect(header.length % 64).toBe(0)
    expect(header.readUInt16LE(8)).toBe(header.length - 10)
    expect(header.at(-1)).toBe(10)
  }
  expect(npyHeader([3]).toString('latin1')).toContain("'shape': (3,), ")
})

test('info as text', () => {
  const info = { family: 'vit', parameters: 22e6, patchSize: { height: 14, width: 14 }, pools: ['cls', 'mean'], labels: ['a', 'b'] }
  expect(asText(info as ModelInfo)).toBe(
    'family      vit\nparameters  22.0 M\npatchSize   14×14\npools       cls, mean\nlabels      2 classes\n',
  )
})

test('a heatmap glows where attention is, and is dark where it is not', async () => {
  const attention = new Float32Array(2 * 16)
  attention[5] = attention[16 + 5] = 1
  const png = await renderHeatmap({
    attention,
    gridHeight: 4,
    gridWidth: 4,
    crop: new Uint8Array(56 * 56 * 3).fill(128),
    height: 56,
    width: 56,
  })
  const { default: sharp } = await import('sharp')
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([448, 448])
  const brightness = (x: number, y: number) => data[3 * (y * 448 + x)]! + data[3 * (y * 448 + x) + 1]!
  expect(brightness(1.5 * 112, 1.5 * 112)).toBeGreaterThan(brightness(3.5 * 112, 3.5 * 112) + 150)
})
