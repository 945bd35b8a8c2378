// Attention of the CLS token as a picture: the crop, darkened, with what it attended to glowing. Before it: attention.ts; after it: sharp.

export interface HeatmapInput {
  /** [heads, gridHeight, gridWidth] of one image. */
  attention: Float32Array
  gridHeight: number
  gridWidth: number
  /** One head, or undefined for the mean of all. */
  head?: number | undefined
  /** uint8 RGB [height, width, 3], what the encoder saw. */
  crop: Uint8Array
  height: number
  width: number
}

/** Least length of the picture's shorter side. */
const SHORT_SIDE = 448
/** Patches below the first quantile stay dark, those above the second are all at full strength: attention has a few extreme ones. */
const QUANTILES = [0.3, 0.98] as const

/** A PNG. */
export async function renderHeatmap(input: HeatmapInput): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  const scale = Math.max(1, Math.ceil(SHORT_SIDE / Math.min(input.width, input.height)))
  const [width, height] = [input.width * scale, input.height * scale]
  const enlarge = { width, height, fit: 'fill', kernel: 'cubic' } as const
  const crop = await sharp(input.crop, { raw: { width: input.width, height: input.height, channels: 3 } })
    .resize(enlarge)
    .raw()
    .toBuffer()
  const heat = await sharp(levels(input), { raw: { width: input.gridWidth, height: input.gridHeight, channels: 1 } })
    .resize(enlarge)
    .extractChannel(0)
    .raw()
    .toBuffer()
  const pixels = Buffer.alloc(width * height * 3)
  for (let i = 0; i < heat.length; i++) {
    const level = heat[i]!
    const strength = (0.75 * level) / 255
    for (let c = 0; c < 3; c++) {
      pixels[3 * i + c] = Math.round((1 - strength) * 0.6 * crop[3 * i + c]! + strength * palette[3 * level + c]!)
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer()
}

/** Mean over heads (or one head) → 0…255 per patch, from the first quantile to the second. */
function levels({ attention, gridHeight, gridWidth, head }: HeatmapInput): Uint8Array {
  const patches = gridHeight * gridWidth
  const heads = attention.length / patches
  const chosen = head === undefined ? Array.from({ length: heads }, (_, i) => i) : [head]
  const mean = Float64Array.from({ length: patches }, (_, patch) =>
    chosen.reduce((sum, i) => sum + attention[i * patches + patch]! / chosen.length, 0),
  )
  const sorted = mean.toSorted()
  const [low, high] = QUANTILES.map((q) => sorted[Math.floor(q * (patches - 1))]!) as [number, number]
  return Uint8Array.from(mean, (value) => Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low || 1)))))
}

/** 256 colours from black over purple and orange to pale yellow, through these stops. */
const palette = ((stops: [number, number, number][]) => {
  const colours = new Uint8Array(3 * 256)
  for (let level = 0; level < 256; level++) {
    const at = (level / 255) * (stops.length - 1)
    const [from, to] = [stops[Math.floor(at)]!, stops[Math.ceil(at)]!]
    for (let c = 0; c < 3; c++) colours[3 * level + c] = Math.round(from[c]! + (at - Math.floor(at)) * (to[c]! - from[c]!))
  }
  return colours
})([
  [0, 0, 8],
  [66, 10, 104],
  [147, 38, 103],
  [221, 81, 58],
  [252, 165, 10],
  [252, 255, 164],
])
