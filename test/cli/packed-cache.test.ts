// The packed cache under the command line: a command is over when its entry is written, and the next one reads it.
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ModelInfo } from '../../lib'
import { writeTiny } from '../api/tiny'
import { lines, photosFolder, temporaryFolder, vitrine } from './support'

test('the first command keeps the packed weights, the second one finds them, with the same vector', async () => {
  const { path, remove } = temporaryFolder()
  try {
    const [cache, checkpoint] = [join(path, 'cache'), writeTiny(join(path, 'checkpoint'))]
    // A checkpoint that was written just now is not kept: it might still change.
    for (const name of readdirSync(checkpoint)) utimesSync(join(checkpoint, name), 1e9, 1e9)
    const [env, flags] = [{ VITRINE_PACKED_CACHE: cache }, ['--model', checkpoint, '--device', 'cpu']]
    const features = () => vitrine(['features', join(photosFolder, 'chelsea.jpg'), ...flags], { env })
    const first = await features()
    expect(first.code).toBe(0)
    expect(readdirSync(cache)).not.toEqual([])
    const [found] = lines<ModelInfo>(await vitrine(['info', '--json', ...flags], { env }))
    expect(found!.packedCache).toBe('hit')
    expect((await features()).out).toBe(first.out)
  } finally {
    remove()
  }
})
