// The sizes that the kernel tests sweep: where tails begin, and those of real models.

/** 1, n−1, n, n+1, 3n+2: below, at and above a tile of n, and several tiles with a tail. */
export const around = (n: number): number[] => [...new Set([1, n - 1, n, n + 1, 3 * n + 2])].filter((size) => size > 0)

/** Tokens of 224 pixels at patch 16, of 224 at 14, of 518 at 14. */
export const vitTokens = [197, 257, 1370]

/** Head dims of ViT-Ti…g and SigLIP, and odd ones. */
export const headDims = [1, 16, 32, 48, 64, 72, 80, 88, 96, 127, 128]

/** [M, N, K] of a model's GEMMs, rows cut to what one thread has of an image. */
export const vitProducts: [number, number, number][] = [
  [99, 384, 384],
  [29, 1536, 384],
  [29, 384, 1536],
  [15, 2304, 768],
  [15, 768, 3072],
  [1, 768, 3072],
]

/** Rows of `columns` values at a stride, the padding NaN: whatever reads it shows. */
export function padded(rows: number, columns: number, stride: number, values: ArrayLike<number>): Float32Array {
  const out = new Float32Array((rows - 1) * stride + columns).fill(Number.NaN)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[r * stride + c] = values[r * columns + c]!
  return out
}

/** The columns back out of such rows. */
export function unpadded(rows: number, columns: number, stride: number, values: ArrayLike<number>): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => values[Math.floor(i / columns) * stride + (i % columns)]!)
}
