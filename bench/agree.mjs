// No peer is timed before all give the same vectors: a fast wrong answer is no answer. Before it: run.mjs; after it: measure.mjs.

const decode = ({ values }) => {
  const bytes = Buffer.from(values, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

export const vectors = async (peer, input, batch) => decode(await peer.ask('vectors', { input, batch }))

/** max |a − b| / max |b|; NaN and other lengths are infinitely far. */
export function distance(a, b) {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let difference = 0
  let size = 0
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i])
    if (!(d <= difference)) difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d
    size = Math.max(size, Math.abs(b[i]))
  }
  return size > 0 ? difference / size : Number.POSITIVE_INFINITY
}

export function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i]
    aa += a[i] * a[i]
    bb += b[i] * b[i]
  }
  return ab / Math.sqrt(aa * bb)
}

/** By precision; random weights amplify what bf16 and int8 round, docs/numerics.md has what they cost on trained ones. */
const tolerances = { fp32: 1e-3, bf16: 0.15, int8: 0.5 }

/**
 * Compares every peer on the same `batch` images of pixel values, each with the first. Throws where two differ by more than the wider of their precisions allows,
 * and where the images give vectors too alike for the comparison to mean anything.
 */
export async function assertAgreement(peers, batch) {
  const results = []
  for (const peer of peers) results.push({ name: peer.name, precision: peer.precision, values: await vectors(peer, 'pixels', batch) })
  const [first, ...others] = results
  const dim = first.values.length / batch
  const image = (i) => first.values.subarray(i * dim, (i + 1) * dim)
  for (let i = 1; i < batch; i++) {
    const apart = distance(image(i), image(0))
    if (!(apart > 10 * tolerances.fp32)) {
      throw new Error(`images 0 and ${i} give vectors ${apart.toExponential(1)} apart: the comparison would prove nothing`)
    }
  }
  return others.map(({ name, precision, values }) => {
    const found = distance(first.values, values)
    const limit = Math.max(tolerances[first.precision], tolerances[precision])
    if (!(found <= limit)) {
      throw new Error(`${first.name} and ${name} disagree: max |a - b| / max |b| is ${found.toExponential(2)}, allowed ${limit}`)
    }
    return { peers: [first.name, name], distance: found }
  })
}
