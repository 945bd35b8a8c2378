// What a shared library of Linux asks the loader for, read from its file without loading it: DT_NEEDED, DT_RPATH, DT_RUNPATH. Before it:
// cuda.ts; after it: nothing. 64-bit little-endian files alone; of anything else nothing is said.
import { closeSync, openSync, readSync } from 'node:fs'

export interface Needs {
  needed: string[]
  /** Folders to look in, as the file spells them ($ORIGIN is its own folder). */
  runpath: string[]
}

const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT = { needed: 1n, strings: 5n, rpath: 15n, runpath: 29n }

export function needsOf(path: string): Needs | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    return read((offset, length) => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset))
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  } finally {
    closeSync(file)
  }
}

function read(at: (offset: number, length: number) => Buffer): Needs | undefined {
  const header = at(0, 64)
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined
  const [table, size, count] = [Number(header.readBigUInt64LE(32)), header.readUInt16LE(54), header.readUInt16LE(56)]
  const programs = at(table, size * count)
  const parts = Array.from({ length: count }, (_, i) => {
    const part = programs.subarray(i * size)
    const number = (offset: number) => Number(part.readBigUInt64LE(offset))
    return { type: part.readUInt32LE(0), offset: number(8), address: number(16), length: number(32) }
  })
  const dynamic = parts.find(({ type }) => type === PT_DYNAMIC)
  if (!dynamic || dynamic.length > 1 << 20) return undefined
  const bytes = at(dynamic.offset, dynamic.length)
  const entries = Array.from({ length: Math.floor(bytes.length / 16) }, (_, i) => ({
    tag: bytes.readBigUInt64LE(i * 16),
    value: Number(bytes.readBigUInt64LE(i * 16 + 8)),
  }))
  const address = entries.find(({ tag }) => tag === DT.strings)?.value ?? 0
  const home = parts.find((part) => part.type === PT_LOAD && address >= part.address && address < part.address + part.length)
  if (!home) return undefined
  const text = (value: number) => {
    const bytes = at(home.offset + address - home.address + value, 4096)
    return bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0)))
  }
  const all = (tag: bigint) => entries.filter((entry) => entry.tag === tag).map((entry) => text(entry.value))
  const paths = all(DT.runpath).length ? all(DT.runpath) : all(DT.rpath)
  return { needed: all(DT.needed), runpath: paths.flatMap((list) => list.split(':')).filter(Boolean) }
}
