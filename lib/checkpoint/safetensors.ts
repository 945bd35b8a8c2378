// The header of a .safetensors file: names, types, shapes and places of its tensors; the values stay on disk until the engine reads them.
// Before it: open.ts or shards.ts; after it: tensors.ts. Strict, as the format's own reader: the tensors tile the file, no byte is left over.
import { type FileHandle, open } from 'node:fs/promises'
import { VitrineError } from '../errors'
import type { FileStamp } from '../spec'
import { look, unreadable } from './files'
import { isObject, parseObject, shown } from './json'
import { elements, type StoredTensor } from './tensors'

/** Bits of one value. Tensors of every type may lie in a file; which are computed with is decided where one is taken. */
const bits: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, U16: 16, I16: 16, U32: 32, I32: 32, U64: 64, I64: 64 },
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E5M2FNUZ: 8, F8_E4M3FNUZ: 8 },
  ...{ F16: 16, BF16: 16, F32: 32, F64: 64, C64: 64 },
}
/** The format's own limit; a longer "header" is the beginning of some other kind of file. */
const longestHeader = 100_000_000

const invalid = (message: string) => new VitrineError('ERR_CHECKPOINT_INVALID', message)
const truncated = (message: string) => new VitrineError('ERR_CHECKPOINT_TRUNCATED', message)

/** Reads the header of `path`; `file` is the index that its tensors carry. */
export async function readSafetensors(path: string, file: number): Promise<{ tensors: StoredTensor[]; stamp: FileStamp }> {
  const stats = await look(path, 'weight file')
  if (!stats) throw unreadable('weight file', path, { code: 'ENOENT' })
  if (!stats.isFile()) throw invalid(`${path} must be a weight file, and is ${stats.isDirectory() ? 'a folder' : 'no regular file'}`)
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    const { ino, size: bytes, mtimeNs } = await handle.stat({ bigint: true })
    const stamp = { ino, size: bytes, mtimeNs }
    const size = Number(stamp.size)
    if (size < 8) throw truncated(`${path}: a safetensors file begins with 8 bytes of length, found ${size} bytes in all`)
    const first = await readAt(handle, path, 0, Math.min(size, 64))
    const length = first.readBigUInt64LE(0)
    if (length > BigInt(longestHeader)) throw invalid(`${path} is no safetensors file: ${otherKind(first, length)}`)
    if (8 + Number(length) > size) throw truncated(`${path}: the header needs ${8n + length} bytes, found ${size} bytes in all`)
    const header = await readAt(handle, path, 8, Number(length))
    return { tensors: parseHeader(header, size, path, file), stamp }
  } catch (cause) {
    throw cause instanceof VitrineError ? cause : unreadable('weight file', path, cause)
  } finally {
    await handle?.close()
  }
}

async function readAt(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done)
    if (bytesRead === 0) throw truncated(`${path}: expected ${length} bytes at ${offset}, found ${done}: the file shrank while it was read`)
    done += bytesRead
  }
  return buffer
}

function otherKind(first: Buffer, length: bigint): string {
  if (first.toString('latin1').startsWith('version https://git-lfs')) {
    return 'it is a Git LFS pointer, which stands for weights that were not downloaded ("git lfs pull" does)'
  }
  if (first.toString('latin1', 0, 4) === 'PK\x03\x04') return 'it is a zip archive, as torch.save writes them'
  return `its first 8 bytes give a header of ${length} bytes, expected at most ${longestHeader}`
}

/** Header bytes of a file of `size` bytes → its tensors, in file order. */
export function parseHeader(header: Uint8Array, size: number, path: string, file: number): StoredTensor[] {
  if (header[0] !== 0x7b) throw invalid(`${path}: header must begin with "{", found ${header.length ? `byte ${header[0]}` : 'no byte'}`)
  const dataStart = 8 + header.length
  const tensors: StoredTensor[] = []
  const ends = new Map<StoredTensor, number>()
  for (const [name, entry] of Object.entries(parseObject(header, `${path}: header`))) {
    if (name === '__metadata__') {
      const fine = isObject(entry) && Object.values(entry).every((value) => typeof value === 'string')
      if (!fine) throw invalid(`${path}: __metadata__ must map names to text, found ${shown(entry)}`)
      continue
    }
    const { dtype, shape, begin, end } = parseEntry(name, entry, path)
    const tensor = { name, file, offset: dataStart + begin, shape, dtype }
    tensors.push(tensor)
    ends.set(tensor, dataStart + end)
  }
  tensors.sort((a, b) => a.offset - b.offset || ends.get(a)! - ends.get(b)!)

  let at = dataStart
  let previous = 'the header'
  for (const tensor of tensors) {
    if (tensor.offset !== at) {
      const [how, count] = tensor.offset < at ? ['overlap', at - tensor.offset] : ['leave a hole', tensor.offset - at]
      throw invalid(
        `${path}: tensor ${tensor.name} and ${previous} ${how}: expected it at byte ${at}, found ${tensor.offset} (${count} bytes)`,
      )
    }
    at = ends.get(tensor)!
    previous = `tensor ${tensor.name}`
  }
  if (at > size) {
    const cut = tensors.find((tensor) => ends.get(tensor)! > size)!
    throw truncated(`${path}: expected ${at} bytes, found ${size}: the values of tensor ${cut.name} are not all there`)
  }
  if (at < size) throw invalid(`${path}: expected ${at} bytes, found ${size}: ${size - at} bytes after the last tensor`)
  return tensors
}

function parseEntry(name: string, entry: unknown, path: string): { dtype: string; shape: number[]; begin: number; end: number } {
  const where = `${path}: tensor ${name}`
  if (!isObject(entry)) throw invalid(`${where} must be described by an object, found ${shown(entry)}`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string') throw invalid(`${where}: dtype must be text, found ${shown(dtype)}`)
  if (!isCounts(shape)) throw invalid(`${where}: shape must be a list of sizes, found ${shown(shape)}`)
  if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`${where}: data_offsets must be two offsets, found ${shown(offsets)}`)
  const [begin, end] = offsets as [number, number]
  if (begin > end) throw invalid(`${where}: data_offsets end before they begin: ${shown(offsets)}`)
  const width = bits[dtype]
  const needed = width === undefined ? end - begin : Math.ceil((elements(shape) * width) / 8)
  if (needed !== end - begin) throw invalid(`${where}: ${dtype} [${shape}] is ${needed} bytes, data_offsets give ${end - begin}`)
  return { dtype, shape, begin, end }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}
