// A weight file that is no longer the one whose header was read, when the engine comes to read it.
import { renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import type { ErrorCode } from '../../lib/errors'
import { fromNative, native } from '../../lib/native'
import type { EncoderSpec } from '../../lib/spec'
import { checkpoint, vitConfig, vitTensors } from '../support/checkpoints'
import { rejects } from '../support/rejects'
import { encode } from '../support/safetensors'

function replace(path: string): void {
  writeFileSync(`${path}.new`, encode(vitTensors()))
  renameSync(`${path}.new`, path)
}
const changes: [string, (path: string) => void, ErrorCode][] = [
  ['deleted', (path) => rmSync(path), 'ERR_CHECKPOINT_NOT_FOUND'],
  ['shorter', (path) => truncateSync(path, 100), 'ERR_CHECKPOINT_TRUNCATED'],
  ['replaced by another of the same size', replace, 'ERR_CHECKPOINT_CHANGED'],
  ['written again', (path) => utimesSync(path, 1, 1), 'ERR_CHECKPOINT_CHANGED'],
]
const pack = async (spec: EncoderSpec) => {
  try {
    return await native().loadModel(spec, { threads: 1 }).promise
  } catch (error) {
    throw fromNative(error)
  }
}

test.each(changes)('%s', async (_, change, code) => {
  const folder = checkpoint(vitTensors(), vitConfig())
  const { spec } = await openCheckpoint(folder, {})
  ;(await pack(spec)).close()
  change(join(folder, 'model.safetensors'))
  await rejects(pack(spec), code, 'model.safetensors')
  expect(native().counters().models).toBe(0)
})
