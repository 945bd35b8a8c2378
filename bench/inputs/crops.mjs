// Crops of photographs that fidelity is measured on: 12 of each, 15 to 90 % of its area, half of them mirrored, from mulberry32.
// Read by fidelity.mjs and merging.mjs.
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const sharp = createRequire(join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'package.json'))('sharp')

/** mulberry32 */
function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Raw pixels, as features() takes them. */
export async function crops(folder, seed = 1) {
  const next = random(seed)
  const images = []
  const names = readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .sort()
  for (const name of names) {
    const { data, info } = await sharp(join(folder, name))
      .rotate()
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    for (let i = 0; i < 12; i++) {
      const side = Math.sqrt(0.15 + 0.75 * next())
      const [width, height] = [Math.round(info.width * side), Math.round(info.height * side)]
      const region = {
        left: Math.floor(next() * (info.width - width + 1)),
        top: Math.floor(next() * (info.height - height + 1)),
        width,
        height,
      }
      const cut = sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } }).extract(region)
      const { data: pixels, info: size } = await (next() < 0.5 ? cut.flop() : cut).raw().toBuffer({ resolveWithObject: true })
      images.push({ data: new Uint8Array(pixels), width: size.width, height: size.height, channels: size.channels })
    }
  }
  return images
}

export const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)

/** Least and mean cosine of unit vectors to those of `exact`, and for how many the nearest of the others is the same one. */
export function compare(found, exact) {
  const cosines = found.map((vector, i) => cosine(vector, exact[i]))
  const neighbours = nearest(exact)
  return {
    least: Math.min(...cosines),
    mean: cosines.reduce((sum, x) => sum + x, 0) / cosines.length,
    same: nearest(found).filter((neighbour, i) => neighbour === neighbours[i]).length,
  }
}

const nearest = (all) =>
  all.map((a, i) => all.reduce((best, b, j) => (j !== i && (best < 0 || cosine(a, b) > cosine(a, all[best])) ? j : best), -1))
