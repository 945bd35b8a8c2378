// A checkpoint in shards: the index and the files must agree in both directions.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openCheckpoint } from '../../lib/checkpoint/open'
import { readShards } from '../../lib/checkpoint/shards'
import { vitConfig, vitTensors } from '../support/checkpoints'
import { temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { encode, f32 } from '../support/safetensors'

const one = { a: f32([2]), b: f32([3]) }
const two = { c: f32([4]) }
const map = { a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' }
const name = 'model.safetensors.index.json'

function sharded(weightMap: unknown = map, first = one, second: typeof one | typeof two = two): string {
  return temporaryFolder({
    '1.safetensors': encode(first),
    '2.safetensors': encode(second),
    [name]: JSON.stringify({ metadata: { total_size: 36 }, weight_map: weightMap }),
  })
}
const read = (folder: string) => readShards(join(folder, name))

describe('shards', () => {
  test('tensors say which file they lie in', async () => {
    const folder = sharded()
    const { files, tensors, stamps } = await read(folder)
    expect(files).toEqual([join(folder, '1.safetensors'), join(folder, '2.safetensors')])
    expect(tensors.map((tensor) => [tensor.name, tensor.file])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 1],
    ])
    expect(stamps).toHaveLength(2)
  })

  test('an index that is no index', async () => {
    for (const [text, says] of [
      ['{', /not JSON/],
      ['[]', /JSON object/],
      ['{}', /weight_map/],
      ['{"weight_map":{}}', /weight_map/],
      ['{"weight_map":[]}', /weight_map/],
      ['{"weight_map":{"a":1}}', /tensor a/],
      ['{"weight_map":{"a":""}}', /tensor a/],
      ['{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}', /"a" twice/],
      ['{"weight_map":{"a":"../1.safetensors"}}', /out of the checkpoint's folder/],
      ['{"weight_map":{"a":"/etc/passwd"}}', /out of the checkpoint's folder/],
    ] as const) {
      const folder = sharded()
      writeFileSync(join(folder, name), text)
      await rejects(read(folder), 'ERR_CHECKPOINT_INVALID', name, says)
    }
  })

  test('a shard that is missing, or broken', async () => {
    const folder = sharded()
    rmSync(join(folder, '2.safetensors'))
    await rejects(read(folder), 'ERR_CHECKPOINT_NOT_FOUND', /2\.safetensors is missing/)
    writeFileSync(join(folder, '2.safetensors'), encode(two).subarray(0, -1))
    await rejects(read(folder), 'ERR_CHECKPOINT_TRUNCATED', '2.safetensors')
  })

  test('a tensor that is in no shard, in another, in two', async () => {
    await rejects(read(sharded({ ...map, d: '2.safetensors' })), 'ERR_TENSOR_MISSING', /tensor d is expected in 2\.safetensors/)
    await rejects(read(sharded({ ...map, b: '2.safetensors' })), 'ERR_CHECKPOINT_INVALID', /tensor b .*2\.safetensors.*1\.safetensors/)
    await rejects(read(sharded(map, one, one)), 'ERR_CHECKPOINT_INVALID', /tensor a is in two shards, 1\.safetensors and 2\.safetensors/)
  })

  test('a tensor that the index forgets is held against the family all the same', async () => {
    const tensors = Object.entries({ ...vitTensors(), stray: f32([1]) })
    const half = tensors.length >> 1
    const weightMap = Object.fromEntries(tensors.map(([key], i) => [key, i < half ? '1.safetensors' : '2.safetensors']))
    delete weightMap.stray
    const folder = temporaryFolder({
      '1.safetensors': encode(Object.fromEntries(tensors.slice(0, half))),
      '2.safetensors': encode(Object.fromEntries(tensors.slice(half))),
      [name]: JSON.stringify({ weight_map: weightMap }),
      'config.json': JSON.stringify(vitConfig()),
    })
    await rejects(openCheckpoint(folder, {}), 'ERR_TENSOR_UNKNOWN', /stray/)
  })
})
