// Where the CLS token looked in the last block, as a grey picture of one head: attention is [B, heads, gridH, gridW].
import { mkdir } from 'node:fs/promises'
import sharp from 'sharp'
import { load } from 'vitrine'

const model = await load()
const attention = await model.attention(new URL('photos/chelsea.jpg', import.meta.url))
const [, heads, height, width] = attention.dims

const head = attention.row(0).subarray(0, height * width)
const most = head.reduce((a, b) => Math.max(a, b))
const grey = Uint8Array.from(head, (value) => (255 * value) / most)
await mkdir('out', { recursive: true })
await sharp(grey, { raw: { width, height, channels: 1 } })
  .resize(width * 16, height * 16, { kernel: 'nearest' })
  .toFile('out/head-0.png')
console.log(`head 0 of ${heads}, ${height}×${width} patches: out/head-0.png`)
await model.close()
