// Position tables resized to other grids, against torch's formulas written out in double.
import { expect, test } from 'vitest'
import type { PositionResize } from '../../lib/spec'
import { expectWithin, roundoff } from '../support/tolerance'
import { type RandomModel, randomModel } from './random-model'
import { loadSpec, run, tokens } from './support'

const dim = 5

/** A model that gives the position table back: nothing but positions reaches the tokens. */
function positionModel(grid: [number, number], resize: PositionResize): RandomModel {
  return randomModel({ seed: 9, dim, heads: 1, patch: [1, 1], prefix: [], grid, resize, blocks: 0, finalNorm: false, patchBias: false })
}

async function resized(model: RandomModel, sizes: [number, number][]): Promise<Float32Array[]> {
  const engine = await loadSpec(model.spec)
  const results: Float32Array[] = []
  for (const [height, width] of sizes) {
    const image = { kind: 'pixels', data: new Float32Array(3 * height * width), height, width } as const
    results.push((await run(engine, model.spec, image, [tokens]))[0]!)
  }
  engine.close()
  return results
}

/** torch.nn.functional.interpolate(table, size, mode='bicubic', …) on [height, width, dim]. */
function interpolate(
  table: Float32Array,
  [inH, inW]: [number, number],
  [outH, outW]: [number, number],
  rule: PositionResize,
): Float64Array {
  const rows = axis(inH, outH, rule)
  const columns = axis(inW, outW, rule)
  const out = new Float64Array(outH * outW * dim)
  rows.forEach((vertical, y) => {
    columns.forEach((horizontal, x) => {
      for (const [i, a] of vertical)
        for (const [j, b] of horizontal)
          for (let d = 0; d < dim; d++) out[(y * outW + x) * dim + d]! += a * b * table[(i * inW + j) * dim + d]!
    })
  })
  return out
}

/** Each output's sources and weights. */
function axis(input: number, output: number, { antialias, alignCorners }: PositionResize): [number, number][][] {
  const scale = alignCorners ? (output > 1 ? (input - 1) / (output - 1) : 0) : input / output
  return Array.from({ length: output }, (_, i): [number, number][] => {
    if (antialias) {
      const filterScale = Math.max(scale, 1)
      const center = scale * (i + 0.5)
      const first = Math.max(Math.trunc(center - 2 * filterScale + 0.5), 0)
      const last = Math.min(Math.trunc(center + 2 * filterScale + 0.5), input)
      const weights = Array.from({ length: last - first }, (_, j) => keys((first + j - center + 0.5) / filterScale, -0.5))
      const total = weights.reduce((a, b) => a + b, 0)
      return weights.map((weight, j) => [first + j, weight / total])
    }
    const source = alignCorners ? scale * i : scale * (i + 0.5) - 0.5
    const floor = Math.floor(source)
    return [-1, 0, 1, 2].map((j) => [Math.min(Math.max(floor + j, 0), input - 1), keys(source - floor - j, -0.75)])
  })
}

function keys(x: number, a: number): number {
  const d = Math.abs(x)
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0
}

const rules = [false, true].flatMap((antialias) => [false, true].map((alignCorners) => ({ antialias, alignCorners })))
const stored: [number, number] = [6, 9]
const sizes: [number, number][] = [
  [6, 9],
  [3, 4],
  [12, 18],
  [1, 1],
  [7, 5],
  [2, 30],
  [9, 6],
]

for (const rule of rules) {
  test(`${rule.antialias ? 'antialiased' : 'interpolated'}${rule.alignCorners ? ', corners aligned' : ''}`, async () => {
    const model = positionModel(stored, rule)
    const table = model.values(model.spec.position!.table)
    const results = await resized(model, sizes)
    sizes.forEach((size, i) => {
      const expected = size[0] === stored[0] && size[1] === stored[1] ? Float64Array.from(table) : interpolate(table, stored, size, rule)
      expectWithin(results[i]!, expected, () => 8 * roundoff, `${stored} to ${size}`)
    })
  })
}

test('every rule gives another result', async () => {
  const results = await Promise.all(rules.map(async (rule) => (await resized(positionModel(stored, rule), [[4, 12]]))[0]!))
  const distinct = new Set(results.map((values) => [...values].join()))
  expect(distinct.size).toBe(rules.length)
})

test('a grid is the same when it comes back after many others', async () => {
  const many = Array.from({ length: 20 }, (_, i): [number, number] => [i + 1, 3])
  const results = await resized(positionModel(stored, rules[0]!), [[5, 3], ...many, [5, 3]])
  expect([...results.at(-1)!]).toEqual([...results[0]!])
  expect([...results[5]!]).toEqual([...results[0]!])
})
