// The graphs of lib/onnx in ONNX Runtime itself, through its own JavaScript package: what the reference library gave, in every kind of
// graph. The evaluator of graph.test.ts judges the operators by their definitions; this judges that ONNX Runtime takes them as we write them.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { buildGraph, type GraphOptions } from '../../lib/onnx/graph'
import { fixtures, root } from '../support/fixtures'
import { decode, values } from '../support/safetensors'
import { everyOutput, expectGoldens, graphOf, plain, runInOrt, Tensor } from './support'

const kinds: Record<string, Partial<GraphOptions>> = {
  plain: {},
  fused: { fused: true },
  'fused, position as an input': { fused: true, position: 'input' },
}

for (const [kind, options] of Object.entries(kinds)) {
  describe(`ONNX Runtime, ${kind}`, () => {
    let compared = 0
    for (const test of fixtures()) {
      it(test.name, async (context) => {
        const built = await graphOf(test, options)
        if (!built) return context.skip('not for this graph')
        const { spec, graph, pixels, position } = built
        const feeds: Record<string, Tensor> = { pixel_values: new Tensor('float32', values(pixels), pixels.shape) }
        if (position) feeds.position = new Tensor('float32', Float32Array.from(position.data), position.dims)
        compared += expectGoldens(await runInOrt(spec, graph, feeds), test)
      })
    }
    it('compared something', () => expect(compared).toBeGreaterThan(20))
  })
}

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! * a[i]!
    bb += b[i]! * b[i]!
  }
  return ab / Math.sqrt(aa * bb)
}

describe('the default checkpoint from uint8 crops', () => {
  const folder = join(root, 'models', 'default')
  const images = 3
  for (const [type, fused] of [
    ['float32', false],
    ['float16', false],
    ['float16', true],
  ] as const) {
    it(`${type}${fused ? ', fused' : ''}: finite, and the goldens`, async () => {
      const golden = decode(join(folder, 'golden.safetensors'))
      const opened = await openCheckpoint(folder, {})
      const size = { height: 224, width: 224 }
      const graph = buildGraph(opened.spec, { ...plain, input: 'uint8', type, fused, size, outputs: everyOutput(opened) })
      const crops = golden.crops!.data.slice(0, images * 224 * 224 * 3)
      const results = await runInOrt(opened.spec, graph, { pixel_values: new Tensor('uint8', crops, [images, 224, 224, 3]) })
      for (const [name, { data }] of Object.entries(results)) expect(data.every(Number.isFinite), name).toBe(true)
      for (const name of ['cls', 'mean', 'cls_attention']) {
        const [found, wanted] = [results[name]!.data, values(golden[name]!)]
        const width = found.length / images
        const alike = Array.from({ length: images }, (_, i) =>
          cosine(found.subarray(i * width, (i + 1) * width), wanted.subarray(i * width, (i + 1) * width)),
        )
        expect(Math.min(...alike), name).toBeGreaterThan(type === 'float16' ? 0.9999 : 1 - 1e-9)
        if (process.env.VITRINE_VERBOSE) console.log(type, fused, name, 1 - Math.min(...alike))
      }
    })
  }
})
