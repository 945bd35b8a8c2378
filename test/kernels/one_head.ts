// A head's queries, keys and values for the tests of native/kernels/attention.h.
import type { Random } from '../support/seed'
import { padded } from '../support/shapes'
import { expectSameBits } from '../support/tolerance'
import type { AttentionCall } from './kernels'

/** One head between NaNs. `sharp` scales the scores: about that many e-folds between the tokens. */
export function oneHead(random: Random, tokens: number, headDim: number, sharp = 3): AttentionCall {
  const ld = headDim + 7
  const matrix = (scale: number) => padded(tokens, headDim, ld, random.floats(tokens * headDim, scale))
  const ldo = headDim + 3
  return {
    q: matrix(sharp),
    k: matrix(1.7),
    v: matrix(1),
    ld,
    tokens,
    headDim,
    queryBegin: 0,
    queryEnd: tokens,
    scale: 1 / Math.sqrt(headDim),
    out: random.floats(tokens * ldo),
    ldo,
    slack: random.int(0, 3),
  }
}

/** NaN in a query stays with it, in a value with its column, and in a key it reaches every query. `run` gives [tokens, headDim]. */
export function expectNaNStays(random: Random, run: (call: AttentionCall) => Float32Array): void {
  for (const tokens of [50, 400]) {
    const headDim = 20
    const call = oneHead(random, tokens, headDim)
    const clean = run(call)
    const spoiled = (x: Float32Array, index: number) => {
      const copy = x.slice()
      copy[index] = Number.NaN
      return copy
    }
    const check = (part: Partial<AttentionCall>, reads: (query: number, d: number) => boolean) => {
      const expected = clean.map((x, i) => (reads(Math.floor(i / headDim), i % headDim) ? Number.NaN : x))
      expectSameBits(run({ ...call, ...part }), expected, `${tokens} tokens`, random.seed)
    }
    check({ q: spoiled(call.q, 17 * call.ld + 3) }, (query) => query === 17)
    check({ v: spoiled(call.v, 31 * call.ld + 5) }, (_, d) => d === 5)
    check({ k: spoiled(call.k, (tokens - 1) * call.ld) }, () => true)
  }
}
