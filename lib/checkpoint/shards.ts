// A checkpoint in several files: model.safetensors.index.json says which tensor lies where. Before it: open.ts; after it: safetensors.ts.
// The index and the shards must agree in both directions.
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { VitrineError } from '../errors'
import type { FileStamp } from '../spec'
import { look } from './files'
import { isObject, readObject, shown } from './json'
import { readSafetensors } from './safetensors'
import type { StoredTensor } from './tensors'

const invalid = (message: string) => new VitrineError('ERR_CHECKPOINT_INVALID', message)

/** Every tensor of every shard; `files` are the shards' paths, in the order in which the index names them. */
export async function readShards(index: string): Promise<{ files: string[]; tensors: StoredTensor[]; stamps: FileStamp[] }> {
  const map = (await readObject(index))?.weight_map
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw invalid(`${index}: weight_map must map the names of tensors to files, found ${shown(map)}`)
  }
  const shards = new Set<string>()
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || shard === '') throw invalid(`${index}: weight_map gives tensor ${name} no file, but ${shown(shard)}`)
    if (isAbsolute(shard) || normalize(shard).split(sep).includes('..')) {
      throw invalid(`${index}: weight_map sends tensor ${name} out of the checkpoint's folder: ${shown(shard)}`)
    }
    shards.add(shard)
  }

  const files: string[] = []
  const stamps: FileStamp[] = []
  const holder = new Map<string, string>()
  const tensors: StoredTensor[] = []
  for (const shard of shards) {
    const path = join(dirname(index), shard)
    if (!(await look(path, 'shard'))) {
      throw new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `${index} names ${shards.size} shards, and ${shard} is missing: no file ${path}`)
    }
    const read = await readSafetensors(path, files.length)
    for (const tensor of read.tensors) {
      const other = holder.get(tensor.name)
      if (other !== undefined) throw invalid(`${index}: tensor ${tensor.name} is in two shards, ${other} and ${shard}`)
      holder.set(tensor.name, shard)
      tensors.push(tensor)
    }
    files.push(path)
    stamps.push(read.stamp)
  }
  for (const [name, shard] of Object.entries(map)) {
    const found = holder.get(name)
    if (found === undefined) {
      throw new VitrineError('ERR_TENSOR_MISSING', `${index}: tensor ${name} is expected in ${shard}, and is in none of the shards`)
    }
    if (found !== shard) throw invalid(`${index}: tensor ${name} is expected in ${shard}, and lies in ${found}`)
  }
  return { files, tensors, stamps }
}
