// Random specs, with every option that a family could ask for, through ONNX Runtime and through the engine: the same results, of pixel
// values and of pictures, at the checkpoint's own size and at another.
import { expect, it } from 'vitest'
import { buildGraph, type GraphOptions } from '../../lib/onnx/graph'
import type { EncoderSpec, Output } from '../../lib/spec'
import { type ModelOptions, randomModel } from '../engine/random-model'
import { attention, cls, loadSpec, pooled, randomPicture, randomPixels, run as runEngine, term, tokens } from '../engine/support'
import { worst } from '../support/parity'
import { plain, positionInput, runInOrt, Tensor } from './support'

const specs: Record<string, ModelOptions> = {
  'as most are': {},
  'nothing optional': { preNorm: false, finalNorm: false, patchBias: false, qkvBias: 'none', prefix: [], grid: [3, 2], activation: 'none' },
  'no positions at all': { grid: undefined, prefix: [{ rows: 1, position: false }] },
  'positions, and prefix rows without': { prefix: [{ rows: 2, position: false }], grid: [2, 3] },
  'all kinds of prefix': {
    prefix: [
      { rows: 1, position: true },
      { rows: 3, position: false },
      { rows: 0, position: false },
      { rows: 2, position: true },
    ],
  },
  'pre-norm, LayerScale, a key without bias': { preNorm: true, layerScale: true, qkvBias: 'no-key' },
  'heads narrower than the width': { dim: 24, heads: 2, headDim: 8, layerScale: true },
  'heads wider than the width': { dim: 24, heads: 3, headDim: 16 },
  'odd sizes': { dim: 15, heads: 3, mlpWidth: 17, patch: [3, 5], grid: [2, 4] },
  'antialiased positions': { resize: { antialias: true, alignCorners: false }, grid: [5, 4] },
  'corners aligned': { resize: { antialias: false, alignCorners: true }, grid: [4, 5] },
  ...Object.fromEntries(
    (['gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'silu', 'tanh', 'none'] as const).flatMap((activation) => [
      [activation, { activation }],
      [`${activation}, gated`, { activation, glu: true, layerScale: true }],
    ]),
  ),
}

/** Whatever can be read of a model. */
function outputsOf(spec: EncoderSpec): Record<string, Output> {
  const first = term(0, 1)
  return {
    tokens,
    cls,
    attention,
    unit: { ...tokens, normalize: true } as Output,
    before: pooled([term(0, -1, { afterNorm: false })]),
    between: pooled([term(1, 2), term(0, -1, { mean: true, afterNorm: false })], { layer: 1, normalize: true }),
    embedded: pooled([term(0, -1)], { layer: 0 }),
    head: pooled([first], { head: 0 }),
    average: {
      kind: 'pool',
      branches: [
        { terms: [first], head: 0 },
        { terms: [term(1, 1)], head: 1 },
      ],
      normalize: false,
      layer: -1,
    },
    rows: {
      kind: 'pool',
      branches: [
        { terms: [term(0, 2)], head: -1 },
        { terms: [term(2, 2, { afterNorm: false })], head: -1 },
      ],
      normalize: true,
      layer: spec.blocks.length,
    },
  }
}

for (const [name, options] of Object.entries(specs)) {
  it(name, async () => {
    const { dim = 24 } = options
    const heads = [
      { in: dim, out: 5, activation: 'tanh' as const },
      { in: dim, out: 5, activation: 'none' as const },
    ]
    const { spec } = randomModel({ ...options, heads_out: heads })
    const outputs = outputsOf(spec)
    const engine = await loadSpec(spec)
    const own = { height: (spec.position?.gridHeight ?? 3) * spec.patchHeight, width: (spec.position?.gridWidth ?? 2) * spec.patchWidth }
    const sizes = [own, { height: own.height + 2 * spec.patchHeight, width: own.width + spec.patchWidth }]
    for (const size of sizes) {
      for (const image of [randomPixels(3, size.height, size.width), randomPicture(4, size.height, size.width)]) {
        const pixels = image.kind === 'pixels'
        const expected = await runEngine(engine, spec, image, Object.values(outputs))
        const feed = pixels
          ? new Tensor('float32', image.data, [1, 3, size.height, size.width])
          : new Tensor('uint8', image.data, [1, size.height, size.width, 3])
        for (const [fused, position] of [
          [false, 'weight'],
          [true, 'weight'],
          [true, 'input'],
        ] as const) {
          const given: GraphOptions = { ...plain, input: pixels ? 'float32' : 'uint8', fused, position, outputs }
          const feeds: Record<string, Tensor> = { pixel_values: feed }
          if (position === 'input' && spec.position) {
            const { dims, data } = await positionInput(spec, [1, 3, size.height, size.width])
            feeds.position = new Tensor('float32', Float32Array.from(data), dims)
          }
          const found = await runInOrt(spec, buildGraph(spec, position === 'weight' ? { ...given, size } : given), feeds)
          Object.keys(outputs).forEach((output, i) => {
            const { error, where } = worst(found[output]!.data, expected[i]!)
            const what = `${output} of ${image.kind} ${size.height}×${size.width}, ${fused ? 'fused' : 'plain'}, position ${position}`
            expect(error, `${what}: ${where}`).toBeLessThan(2e-5)
          })
        }
      }
    }
    engine.close()
  })
}
