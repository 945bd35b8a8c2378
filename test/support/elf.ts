// Files of the Linux loader, as small as they can be: a shared library that asks for others, and /etc/ld.so.cache.

/** A 64-bit shared library with DT_NEEDED entries and a DT_RUNPATH. It can be read, not loaded. */
export function elf(needed: string[], runpath?: string): Buffer {
  const strings = ['', ...needed, ...(runpath === undefined ? [] : [runpath])]
  const offsets: number[] = []
  let length = 0
  for (const text of strings) {
    offsets.push(length)
    length += Buffer.byteLength(text) + 1
  }
  const table = Buffer.from(strings.map((text) => `${text}\0`).join(''))
  const [programs, dynamic] = [64, 64 + 2 * 56]
  const entries: [bigint, bigint][] = needed.map((_, i) => [1n, BigInt(offsets[i + 1]!)])
  if (runpath !== undefined) entries.push([29n, BigInt(offsets.at(-1)!)])
  // Where the file is loaded, so that an address is no offset.
  const base = 0x10000n
  const tableAt = dynamic + 16 * (entries.length + 2)
  entries.push([5n, base + BigInt(tableAt)], [0n, 0n])

  const file = Buffer.alloc(tableAt + table.length)
  file.writeUInt32BE(0x7f454c46, 0)
  file.set([2, 1, 1], 4)
  file.writeUInt16LE(3, 16)
  file.writeUInt16LE(62, 18)
  file.writeBigUInt64LE(BigInt(programs), 32)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(2, 56)
  const program = (at: number, type: number, offset: number, size: number) => {
    file.writeUInt32LE(type, at)
    file.writeBigUInt64LE(BigInt(offset), at + 8)
    file.writeBigUInt64LE(base + BigInt(offset), at + 16)
    file.writeBigUInt64LE(BigInt(size), at + 32)
  }
  program(programs, 1, 0, file.length)
  program(programs + 56, 2, dynamic, 16 * entries.length)
  for (const [i, [tag, value]] of entries.entries()) {
    file.writeBigUInt64LE(tag, dynamic + 16 * i)
    file.writeBigUInt64LE(value, dynamic + 16 * i + 8)
  }
  file.set(table, tableAt)
  return file
}

/** [name, path, flags] → the file that ldconfig writes, behind an older table as Debian has it. */
export function loaderCacheFile(libraries: [string, string, number][]): Buffer {
  const strings = libraries.map(([name, path]) => Buffer.from(`${name}\0${path}\0`))
  const header = Buffer.alloc(48)
  header.write('glibc-ld.so.cache1.1')
  header.writeUInt32LE(libraries.length, 20)
  let at = 48 + 24 * libraries.length
  const entries = libraries.map(([name, , flags], i) => {
    const entry = Buffer.alloc(24)
    entry.writeUInt32LE(flags, 0)
    entry.writeUInt32LE(at, 4)
    entry.writeUInt32LE(at + Buffer.byteLength(name) + 1, 8)
    at += strings[i]!.length
    return entry
  })
  return Buffer.concat([Buffer.from('ld.so-1.7.0\0\0\0\0\0'), header, ...entries, ...strings])
}
