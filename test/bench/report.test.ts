// Results of a bench → what is printed and drawn.
import { beforeAll, expect, it } from 'vitest'
import { load, type Results, results } from './support'

let report: (results: Results, format: string) => string
let plot: (results: Results) => string
beforeAll(async () => {
  report = (await load<{ report: typeof report }>('report/report.mjs')).report
  plot = (await load<{ plot: typeof plot }>('report/plot.mjs')).plot
})

const row = (text: string, start: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`| ${start} `))
    ?.split('|')
    .map((cell) => cell.trim())
    .slice(1, -1)

it('the summary puts each figure beside its target', () => {
  const text = report(results(), 'markdown')
  expect(row(text, 'vit-b16, fp32, 1')).toEqual([
    'vit-b16, fp32, 1',
    '104.0',
    '0.96 ≥ 0.95',
    '1.15 < 1.20 ✗',
    'openvino',
    '1.30 ≥ 1.30',
    '1.03 < 1.03 ✗', // 107 / 104 is 1.0288
  ])
  expect(row(text, 'vit-b16, fp32, 8')).toEqual(['vit-b16, fp32, 8', '100.0', '1.00 ≥ 0.98', '1.30 ≥ 1.20', 'openvino', '–', '–'])
  expect(row(text, 'vit-b16, bf16, 1')?.slice(2, 5)).toEqual(['0.91 < 0.93 ✗', '1.16 < 1.20 ✗', 'openvino-bf16'])
  expect(row(text, 'vit-b16, bf16, 8')?.slice(2, 5)).toEqual(['1.00 ≥ 0.96', '1.04 ≥ 1.00', 'zentorch-bf16'])
})

it("AVX2 alone has AVX2's own peak", () => {
  expect(row(report(results(), 'markdown'), 'vit-b16, avx2, 1')?.[2]).toBe('0.96 ≥ 0.90')
})

it('there are no targets for other CPUs, threads and models', () => {
  for (const change of [
    (r: Results) => Object.assign(r.environment, { microarchitecture: null }),
    (r: Results) => [...r.models, ...r.peaks].map((entry) => Object.assign(entry, { threads: 1 })),
    (r: Results) => Object.assign(r.models[0]!, { name: 'vit-ti16' }),
  ]) {
    const changed = results()
    change(changed)
    changed.peaks[0]!.yardstick = null
    changed.peers = changed.peers.filter(({ peak }) => peak !== 'fp32-avx2')
    expect(report(changed, 'markdown')).not.toMatch(/[≥<✗]\s*\d/)
  }
})

it('times have the share of the peak of their own precision, and the yardstick has its rows', () => {
  const text = report(results(), 'markdown')
  expect(row(text, 'openvino-bf16')).toEqual(['openvino-bf16', 'bf16', '64.0 (0.78)', '70.0 (0.71)', '–'])
  expect(row(text, 'sketch')).toEqual(['sketch', 'fp32', '107.0 (0.93)', '–', '–'])
})

it('says what was not measured, which dots a CPU lacks, and that a machine was not quiet', () => {
  const quiet = report(results(), 'text')
  expect(quiet).toContain('not measured: openvino-int8 (needs nncf)')
  expect(quiet).toContain('no instruction for dots of int8, so no peak and no share')
  expect(quiet).not.toContain('not quiet')
  expect(report({ ...results(), others: 0.04 }, 'text')).toContain('not quiet')
})

it('without a compiler there is no share', () => {
  const changed = results()
  changed.peaks = [{ threads: 2, missing: 'no compiler', yardstick: null }]
  const text = report(changed, 'markdown')
  expect(text).toContain('no arithmetic peak: no compiler')
  expect(row(text, 'vit-b16, fp32, 1')?.[2]).toBe('–')
  expect(row(text, 'openvino')?.[2]).toBe('120.0')
})

it('the plot has a bar for every time, in order, and escapes text', () => {
  const svg = plot(results())
  expect(svg.match(/<rect /g)).toHaveLength(15) // 7 peers × 2 batches, and the yardstick's
  expect(svg).toContain('A &amp; B &lt;CPU&gt;')
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  const names = [...svg.matchAll(/text-anchor="end"[^>]*>([^<]+)</g)].map(([, name]) => name)
  expect(names).toEqual(['vitrine', 'sketch', 'openvino', 'transformers.js', 'vitrine-avx2', 'vitrine', 'zentorch', 'openvino'])
  expect(svg.match(/limit [\d.]+/g)).toEqual(['limit 100.0', 'limit 50.0'])
})
