// Memory of ONNX Runtime sessions: what a ViT-B/16 needs while it is loaded and afterwards, and that closed sessions give all of it back.
// Limits of the design: peak 3.2 times the weights, 1.3 times afterwards; 50 loads at most 20 MB more than 10.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { library } from '../onnxruntime/support'
import { runChild, temporaryFolder, writeViTB16 } from './support'

test.runIf(process.platform === 'linux')('a ViT-B/16, and 50 sessions one after the other', () => {
  const folder = temporaryFolder()
  writeViTB16(join(folder.path, 'vit'))
  const done = runChild('onnxruntime-memory.mjs', [join(folder.path, 'vit'), '50'], ['--expose-gc'], { VITRINE_ORT_LIB: library })
  folder.remove()
  expect(done.error).toBe('')
  const seen = JSON.parse(done.out) as { weights: number; peak: number; loaded: number; run: number; closed: number[] }
  console.log('megabytes', seen)
  expect(seen.peak).toBeLessThanOrEqual(3.2 * seen.weights)
  expect(seen.run).toBeLessThanOrEqual(1.3 * seen.weights)
  expect(seen.closed[49]! - seen.closed[9]!).toBeLessThanOrEqual(20)
})
