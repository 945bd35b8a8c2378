// Random numbers that come again: mulberry32 from a seed that every failure prints. VITRINE_TEST_SEED=n runs the suite on others.

const offset = Number(process.env.VITRINE_TEST_SEED ?? 0)

export class Random {
  readonly seed: number
  private state: number

  constructor(seed: number) {
    this.seed = (seed + offset) >>> 0
    this.state = this.seed
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** Integer in [low, high). */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low))
  }

  /** Uniform in [-scale, scale). */
  floats(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => (2 * this.next() - 1) * scale)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.int(0, 256))
  }
}
