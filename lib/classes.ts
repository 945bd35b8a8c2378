// Logits → the likeliest classes. Before it: model.ts, whose classify() this serves; after it: the caller.

export interface Classification {
  /** The checkpoint's name of the class, or its number where it has none. */
  label: string
  /** Row of the classifier. */
  index: number
  /** Softmax over all classes, 0…1. */
  score: number
}

/** The `topK` likeliest classes, best first; equal scores by index. */
export function topClasses(logits: Float32Array, labels: readonly string[] | undefined, topK: number): Classification[] {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const exps = Array.from(logits, (logit) => Math.exp(logit - max))
  const total = exps.reduce((a, b) => a + b, 0)
  return exps
    .map((value, index) => ({ label: labels?.[index] ?? String(index), index, score: value / total }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topK)
}
