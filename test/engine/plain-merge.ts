// Bipartite soft matching once more, in double and in plain loops, after Bolya et al. 2023, section 3.2: what engine/token_merge.cc is
// compared with.
import type { Rows } from './plain-encoder'

/**
 * Merges `r` of the tokens away, at most half of those behind the prefix. Every second token from the first on (A) is compared with the
 * others (B) by the cosine of `keys`; prefix rows neither merge nor take. Order afterwards: prefix, what is left of A, B.
 */
export function plainMerge(rows: Rows, sizes: number[], keys: Rows, prefix: number, r: number): { rows: Rows; sizes: number[] } {
  const count = Math.min(r, Math.floor((rows.length - prefix) / 2))
  if (count <= 0) return { rows, sizes }
  const a = rows.map((_, t) => t).filter((t) => t % 2 === 0)
  const b = rows.map((_, t) => t).filter((t) => t % 2 === 1)
  // A key of zeros has no direction: its edges come behind every other, but before those of the prefix.
  const cosine = (s: number, t: number) => {
    const value = dot(keys[s]!, keys[t]!) / Math.sqrt(dot(keys[s]!, keys[s]!) * dot(keys[t]!, keys[t]!))
    return Number.isNaN(value) ? -2 : value
  }
  const edges = a.map((from) => {
    const scores = b.map((to) => (from < prefix || to < prefix ? Number.NEGATIVE_INFINITY : cosine(from, to)))
    const score = Math.max(...scores)
    return { from, to: b[scores.indexOf(score)]!, score }
  })
  // Array.prototype.sort is stable: of equal edges the first token's comes first.
  edges.sort((one, other) => (one.score === other.score ? 0 : other.score - one.score))
  const merged = edges.slice(0, count)
  const kept = edges.slice(count).map(({ from }) => from)
  if (prefix > 0) kept.sort((s, t) => s - t)

  const before = [...rows.keys()].filter((t) => t < prefix)
  const order = [...before, ...kept.filter((t) => t >= prefix), ...b.filter((t) => t >= prefix)]
  const sources = (t: number) => [t, ...merged.filter(({ to }) => to === t).map(({ from }) => from)]
  const sizeOf = (t: number) => sources(t).reduce((sum, s) => sum + sizes[s]!, 0)
  return {
    rows: order.map((t) => rows[t]!.map((_, d) => sources(t).reduce((sum, s) => sum + sizes[s]! * rows[s]![d]!, 0) / sizeOf(t))),
    sizes: order.map(sizeOf),
  }
}

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
