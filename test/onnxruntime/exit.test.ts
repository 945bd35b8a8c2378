// How processes and workers end with ONNX Runtime at work: its static destructors run at exit while our threads are inside. The exit code is
// what it would be without, nothing is printed, and no run or load is waited for to its end.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { runChild } from '../support/child'
import { temporaryFolder } from '../support/fixtures'
import { external, floats, library, mean, model, node, port, slow } from './support'

const TIMES = Number(process.env.VITRINE_TIMES ?? 2)
const child = join(__dirname, 'children', 'exit.cjs')
let sources: string

beforeAll(() => {
  const folder = temporaryFolder()
  sources = join(folder, 'sources.json')
  const file = join(folder, 'slow.onnx')
  // Minutes, if nobody ends it.
  writeFileSync(file, slow(3000, 1024))
  // A load that takes a while: products with 40 matrices of 4 MB, which ONNX Runtime packs.
  const size = 1024
  const count = 40
  const values = join(folder, 'values.bin')
  writeFileSync(values, floats(new Float32Array(size * size).fill(1 / size)))
  const tensor = [{ file: 0, offset: 0, shape: [size, size], dtype: 'f32', name: 'values' }]
  const names = Array.from({ length: count }, (_, i) => `w${i}`)
  const chain = model({
    nodes: [
      mean('pixels', 'x', [1], 0),
      ...names.map((name, i) => node('MatMul', [i === 0 ? 'x' : `x${i}`, name], [i === count - 1 ? 'slow' : `x${i + 1}`])),
    ],
    inputs: [port('pixels', 'float32', ['batch', 3, 'rows', size])],
    outputs: [port('slow', 'float32', ['batch', 'rows', size])],
    initializers: names.map((name) => external(name, 'float32', [size, size])),
  })
  const weights = {
    model: Buffer.from(chain).toString('base64'),
    source: { files: [values], weights: names.map((name) => ({ name, dims: [size, size], tensor, transpose: false, type: 'float32' })) },
  }
  writeFileSync(sources, JSON.stringify({ library, file, weights }))
})

const ways: { way: string; code: number; out: string; error?: RegExp }[] = [
  { way: 'exit-in-run', code: 5, out: '' },
  { way: 'exit-in-load', code: 6, out: '' },
  { way: 'exit-while-opening', code: 6, out: '' },
  { way: 'uncaught', code: 1, out: '', error: /Error: planned/ },
  { way: 'cancelled-then-over', code: 0, out: '' },
  { way: 'closed-then-over', code: 0, out: '' },
  { way: 'left-open', code: 0, out: 'done' },
  { way: 'only-in-workers', code: 7, out: 'donedone' },
  { way: 'worker-exits', code: 15, out: '1' },
  { way: 'worker-terminated', code: 0, out: '1 0' },
  { way: 'exit-beside-a-worker', code: 8, out: '' },
]

for (const { way, code, out, error } of ways) {
  test(way, () => {
    for (let i = 0; i < TIMES; i++) {
      // Delays that meet a load at its various stages.
      const done = runChild(child, [sources, way], { env: { VITRINE_DELAY: String(20 + 37 * i) } })
      expect({ code: done.code, signal: done.signal }, done.error).toEqual({ code, signal: null })
      expect(done.out).toBe(out)
      if (error) expect(done.error).toMatch(error)
      else expect(done.error).toBe('')
    }
  })
}
