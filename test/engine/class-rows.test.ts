// The first rows of the last block attend without keys and values (native/engine/class_rows.h): they have the same bits whatever else a
// call asks for, alone and beside each other.
process.env.VITRINE_THREADS = '4'

import { expect, test } from 'vitest'
import type { Output } from '../../lib/spec'
import { expectSameBits } from '../support/tolerance'
import { plainEncode } from './plain-encoder'
import { type ModelOptions, randomModel } from './random-model'
import { attention, cls, dtypes, loadSpec, mean, pooled, randomPixels, run, term, tokens } from './support'

const variants: Record<string, ModelOptions> = {
  'a CLS row': {},
  'CLS and distillation': { prefix: [1, 1].map((rows) => ({ rows, position: true })) },
  'CLS and registers': {
    prefix: [
      { rows: 1, position: true },
      { rows: 4, position: false },
    ],
  },
  // Neither heads nor values end where a panel does, and an odd head dim ends within a unit of bf16.
  'an odd head dim': { dim: 35, heads: 5, headDim: 7, mlpWidth: 33 },
  'one block': { blocks: 1 },
}

/** Asked together; every one of them begins with the bits of the first. */
const beside = (first: Output, others: Output[]): Output[][] => [[first], ...others.map((other) => [first, other]), [first, ...others]]

for (const [name, options] of Object.entries(variants)) {
  for (const dtype of dtypes) {
    test(`${name} in ${dtype}`, async () => {
      // 101 tokens or more: chunks of rows with one thread, phases with four.
      const model = randomModel({ dim: 72, heads: 3, mlpWidth: 130, patch: [2, 2], grid: [10, 10], ...options })
      const { spec } = model
      const image = randomPixels(9, 20, 20)
      const second = pooled([term(1, 1)])
      const others = [tokens, mean(spec), attention, second, pooled([term(0, 2)]), pooled([term(0, 1)], { layer: 0 })]
      let expected: Float32Array[] | undefined
      for (const threads of [1, 4]) {
        const engine = await loadSpec(spec, threads, dtype)
        const [row0] = await run(engine, spec, image, [cls])
        const [row1] = await run(engine, spec, image, [second])
        const [map] = await run(engine, spec, image, [attention])
        const [all] = await run(engine, spec, image, [tokens])
        for (const [first, bits] of [
          [cls, row0!],
          [second, row1!],
          [attention, map!],
          [tokens, all!],
        ] as const) {
          for (const outputs of beside(first, others)) {
            const [found] = await run(engine, spec, image, outputs)
            expectSameBits(found!, bits, `${JSON.stringify(outputs)}, ${threads} threads`)
          }
        }
        expectSameBits(all!.slice(0, spec.dim), row0!, 'row 0 of the tokens')
        expectSameBits(all!.slice(spec.dim, 2 * spec.dim), row1!, 'row 1 of the tokens')
        expected ??= [row0!, row1!, map!, all!]
        for (const [i, values] of [row0!, row1!, map!, all!].entries()) expectSameBits(values, expected[i]!, `${threads} threads, ${i}`)
        engine.close()
      }
      if (dtype !== 'fp32') return
      for (const [i, values] of plainEncode(model, image.data, 20, 20, [cls, second, attention, tokens]).entries())
        expected![i]!.forEach((value, at) => {
          expect(Math.abs(value - values[at]!), `output ${i}, [${at}]`).toBeLessThan(2e-5 * Math.max(...values.map(Math.abs)))
        })
    })
  }
}

test('merging in the last block and before it leaves the row its bits', async () => {
  const { spec } = randomModel({ dim: 48, heads: 3, patch: [2, 2], grid: [6, 6], blocks: 3 })
  const image = randomPixels(10, 12, 12)
  for (const dtype of dtypes) {
    const engine = await loadSpec(spec, 2, dtype)
    for (const merging of [
      [4, 4, 4],
      [4, 0, 0],
      [0, 0, 7],
    ]) {
      const [alone] = await run(engine, spec, image, [cls], merging)
      for (const other of [tokens, mean(spec)])
        expectSameBits((await run(engine, spec, image, [other, cls], merging))[1]!, alone!, `${merging} in ${dtype}`)
    }
    engine.close()
  }
})
