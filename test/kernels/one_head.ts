// A head's queries, keys and values for the tests of native/kernels/attention.h.
import type { Random } from '../support/seed'
import { padded } from '../support/shapes'
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
