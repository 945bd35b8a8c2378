// The packed cache under the command line: a command is over when its entry is written, and the next one reads it.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ModelInfo } from '../../lib'
import { lines, photosFolder, temporaryFolder, vitrine } from './support'

test('the first command keeps the packed weights, the second one finds them, with the same vector', async () => {
  const { path, remove } = temporaryFolder()
  try {
    const env = { VITRINE_PACKED_CACHE: path }
    const features = () => vitrine(['features', join(photosFolder, 'chelsea.jpg'), '--device', 'cpu'], { env })
    const first = await features()
    expect(first.code).toBe(0)
    expect(readdirSync(path).filter((name) => !name.includes('.part') && !name.includes('.tmp'))).not.toEqual([])
    const [found] = lines<ModelInfo>(await vitrine(['info', '--json', '--device', 'cpu'], { env }))
    expect(found!.packedCache).toBe('hit')
    expect((await features()).out).toBe(first.out)
  } finally {
    remove()
  }
})
