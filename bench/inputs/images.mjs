// What every peer is fed: pixel values of noise, and photographs of 1280×960 as JPEG. Made once, in the cache.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { uniform } from './random.mjs'

/** [count, 3, size, size] as little-endian fp32. */
export function preparePixels(cache, count, size) {
  mkdirSync(cache, { recursive: true })
  const path = join(cache, `pixels-${count}x${size}.f32`)
  if (!existsSync(path)) writeFileSync(path, new Uint8Array(uniform(new Float32Array(count * 3 * size * size), 17, 1).buffer))
  return path
}

/** Different pictures of one size: soft blotches of colour under a little grain, so that the JPEG is as large as a photograph's. */
export async function preparePhotos(cache, count) {
  const paths = []
  for (let i = 0; i < count; i++) {
    const path = join(cache, `photo-${i}.jpg`)
    paths.push(path)
    if (existsSync(path)) continue
    const noise = (width, height, std, seed) => ({
      raw: { width, height, channels: 3 },
      data: Buffer.from(
        Uint8Array.from(uniform(new Float32Array(width * height * 3), seed, std, 128), (v) => Math.min(255, Math.max(0, v))),
      ),
    })
    const blotches = noise(40, 30, 70, 2 * i + 1)
    const grain = noise(1280, 960, 6, 2 * i + 2)
    const soft = await sharp(blotches.data, { raw: blotches.raw }).resize(1280, 960, { kernel: 'cubic' }).raw().toBuffer()
    for (let p = 0; p < soft.length; p++) soft[p] = Math.min(255, Math.max(0, soft[p] + grain.data[p] - 128))
    await sharp(soft, { raw: grain.raw }).jpeg({ quality: 90 }).toFile(path)
  }
  return paths
}
