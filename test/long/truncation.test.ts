// A weight file cut at 200 random moments while it is loaded: an error each time, or the right vector where the load was already done.
import { copyFileSync, cpSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { load, VitrineError } from '../../lib/index'
import { root, temporaryFolder } from './support'

test('200 truncations during load', async () => {
  const folder = temporaryFolder()
  const source = join(root, 'models', 'default')
  cpSync(source, folder.path, { recursive: true })
  const weights = join(folder.path, 'model.safetensors')
  const size = statSync(join(source, 'model.safetensors')).size
  const pixels = {
    type: 'float32',
    dims: [1, 3, 224, 224],
    data: Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i)),
  } as const
  const started = performance.now()
  const whole = await load(folder.path)
  const loadTime = performance.now() - started
  const right = Buffer.from((await whole.features(pixels)).data.buffer)
  await whole.close()

  let seed = 7
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  const outcomes = { errors: 0, vectors: 0 }
  for (let i = 0; i < 200; i++) {
    copyFileSync(join(source, 'model.safetensors'), weights)
    const cut = new Promise<void>((resolve) =>
      setTimeout(
        () => {
          truncateSync(weights, Math.floor(random() * size))
          resolve()
        },
        random() * loadTime * 1.2,
      ),
    )
    try {
      const model = await load(folder.path)
      const features = await model.features(pixels)
      expect(Buffer.compare(Buffer.from(features.data.buffer), right)).toBe(0)
      await model.close()
      outcomes.vectors++
    } catch (error) {
      expect(error).toBeInstanceOf(VitrineError)
      expect((error as VitrineError).code).toMatch(/^ERR_CHECKPOINT_(TRUNCATED|CHANGED|INVALID)$/)
      expect((error as VitrineError).message).toContain('model.safetensors')
      outcomes.errors++
    }
    await cut
  }
  console.log('truncations', outcomes)
  expect(outcomes.errors + outcomes.vectors).toBe(200)
  expect(outcomes.errors).toBeGreaterThan(0)
  folder.remove()
})
