// Repeatable random numbers, fast enough for a hundred million of them.

/** Fills with values uniform in `center` ± a half-width that gives the standard deviation `std`. */
export function uniform(values, seed, std, center = 0) {
  let state = (seed * 0x9e3779b9) >>> 0 || 1
  const scale = (2 * Math.sqrt(3) * std) / 0x100000000
  const low = center - Math.sqrt(3) * std
  for (let i = 0; i < values.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    values[i] = low + (state >>> 0) * scale
  }
  return values
}
