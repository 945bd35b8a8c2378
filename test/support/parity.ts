// The measure of the parity tests.

/** The worst difference in proportion to the largest golden value, and where it is. NaN counts as infinitely wrong. */
export function worst(found: ArrayLike<number>, golden: ArrayLike<number>): { error: number; where: string } {
  if (found.length !== golden.length) return { error: Number.POSITIVE_INFINITY, where: `${found.length} values, expected ${golden.length}` }
  let largest = 0
  let difference = -1
  let index = 0
  for (let i = 0; i < golden.length; i++) {
    largest = Math.max(largest, Math.abs(golden[i]!))
    const off = Math.abs(found[i]! - golden[i]!)
    if (Number.isNaN(off)) return { error: Number.POSITIVE_INFINITY, where: `[${i}] ${found[i]}, expected ${golden[i]}` }
    if (off > difference) {
      difference = off
      index = i
    }
  }
  return { error: difference / largest, where: `[${index}] ${found[index]}, expected ${golden[index]}` }
}
