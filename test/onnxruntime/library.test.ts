// Files that are no library of ONNX Runtime, or a part of one: an error that names the file and what is wrong, never a crash.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { native } from '../../lib/native'
import { addon } from '../support/child'
import { temporaryFolder } from '../support/fixtures'
import { rejects } from '../support/rejects'
import { Random } from '../support/seed'
import { library, translated } from './support'

const folder = temporaryFolder()
const open = (path: string) => translated(() => native().openOnnxLibrary(path).promise)
const refused = (path: string, ...words: (string | RegExp)[]) => rejects(open(path), 'ERR_DEVICE_UNAVAILABLE', path, ...words)
const file = (name: string, bytes: Uint8Array | string) => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
const linux = process.platform === 'linux'

test('opened once, however often; the version and the providers', async () => {
  const [a, b] = await Promise.all([open(library), open(library)])
  expect(a).toEqual(b)
  expect(a.version).toMatch(/^1\.\d+\.\d+/)
  expect(a.providers).toContain('CPUExecutionProvider')
})

test('missing, a folder, empty, text', async () => {
  await refused(join(folder, 'missing.so'), /no such file/i)
  mkdirSync(join(folder, 'folder.so'))
  await refused(join(folder, 'folder.so'), 'a folder')
  await refused(file('empty.so', ''), 'not a library', '0 bytes')
  await refused(file('text.so', 'GROUP ( libonnxruntime.so.1 )'), 'not a library')
})

test('another library', () => refused(addon, 'exports no OrtGetApiBase'))

test.runIf(linux)('cut at fifty places', async () => {
  const bytes = readFileSync(library)
  const path = join(folder, 'cut.so')
  copyFileSync(library, path)
  // From the end towards the beginning; the last places lie inside the headers.
  const places = Array.from({ length: 40 }, (_, i) => Math.floor((bytes.length * (40 - i)) / 40) - 1)
  for (const length of [...places, 4096, 1000, 400, 176, 120, 64, 63, 20, 5, 4]) {
    truncateSync(path, length)
    await refused(path, length >= 4 ? /truncated: .*(ends at byte \d+, the file has \d+|the \d+ bytes that the file has)/ : 'not a library')
  }
})

/** Headers of each format with one part of 100 bytes, where `set` may change a field: offset → [value, bytes]. */
const arch = process.arch === 'arm64' ? 'arm64' : 'x64'
function header(size: number, fields: [number, number, number][], big = false): Buffer {
  const bytes = Buffer.alloc(size)
  for (const [at, value, width] of fields) {
    if (width === 8) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at)
    else if (big) bytes.writeUIntBE(value, at, width)
    else bytes.writeUIntLE(value, at, width)
  }
  return bytes
}
const elf = () =>
  header(64 + 56 + 100, [
    [0, 0x464c457f, 4],
    [4, 2, 1],
    [5, 1, 1],
    [16, 3, 2],
    [18, arch === 'x64' ? 62 : 183, 2],
    [32, 64, 8],
    [54, 56, 2],
    [56, 1, 2],
    [64, 1, 4],
    [64 + 8, 120, 8],
    [64 + 32, 100, 8],
    [64 + 40, 100, 8],
  ])
const mach = () =>
  header(32 + 72 + 100, [
    [0, 0xfeedfacf, 4],
    [4, arch === 'x64' ? 0x01000007 : 0x0100000c, 4],
    [12, 6, 4],
    [16, 1, 4],
    [20, 72, 4],
    [32, 0x19, 4],
    [36, 72, 4],
    [32 + 40, 104, 8],
    [32 + 48, 100, 8],
  ])
const pe = () =>
  header(64 + 24 + 40 + 100, [
    [0, 0x5a4d, 2],
    [60, 64, 4],
    [64, 0x4550, 4],
    [68, arch === 'x64' ? 0x8664 : 0xaa64, 2],
    [70, 1, 2],
    [86, 0x2000, 2],
    [88 + 16, 100, 4],
    [88 + 20, 128, 4],
  ])
const universal = () =>
  Buffer.concat([
    header(
      28,
      [
        [0, 0xcafebabe, 4],
        [4, 1, 4],
        [8, arch === 'x64' ? 0x01000007 : 0x0100000c, 4],
        [16, 28, 4],
        [20, mach().length, 4],
      ],
      true,
    ),
    mach(),
  ])
const formats = { elf, mach, pe, universal }

test.runIf(linux)('each format whole is told from this system, and cut anywhere is cut', async () => {
  await refused(file('whole.dll', pe()), 'in the format PE', 'loads ELF')
  await refused(file('whole.dylib', mach()), 'in the format Mach-O')
  await refused(file('universal.dylib', universal()), 'in the format Mach-O')
  for (const [name, make] of Object.entries(formats)) {
    const whole = make()
    for (let length = 4; length < whole.length; length++) {
      await rejects(open(file(`cut.${name}`, whole.subarray(0, length))), 'ERR_DEVICE_UNAVAILABLE', 'truncated')
    }
  }
})

test.runIf(linux)('forged headers', async () => {
  const forged = (make: () => Buffer, at: number, value: number, width: number, big = false) => {
    const bytes = make()
    bytes.set(header(width, [[0, value, width]], big), at)
    return file('forged', bytes)
  }
  await refused(forged(elf, 56, 0xffff, 2), 'impossible program headers')
  await refused(forged(elf, 56, 0, 2), 'impossible program headers')
  await refused(forged(elf, 54, 1, 2), 'impossible program headers')
  await refused(forged(elf, 64, 2, 4), 'without segments to load')
  await refused(forged(elf, 64 + 32, -1, 8), 'impossible segment')
  await refused(forged(elf, 64 + 8, -1, 8), 'impossible size')
  await refused(forged(elf, 32, -50, 8), 'truncated')
  await refused(forged(elf, 40, 1_000_000, 8), 'truncated: the table of sections')
  await refused(forged(elf, 18, 8, 2), 'another processor')
  await refused(forged(elf, 16, 2, 2), 'not a shared library')
  await refused(forged(elf, 4, 1, 1), 'not of 64 bits')
  await refused(forged(mach, 16, 0xffffffff, 4), 'impossible load commands')
  await refused(forged(mach, 16, 2, 4), 'impossible load commands')
  await refused(forged(mach, 36, 8, 4), 'impossible load commands')
  await refused(forged(mach, 36, 1000, 4), 'impossible load commands')
  await refused(forged(mach, 32 + 40, -1, 8), 'impossible size')
  await refused(forged(mach, 12, 2, 4), 'not a shared library')
  await refused(forged(pe, 60, 0xfffffff0, 4), 'truncated')
  await refused(forged(pe, 64, 0, 4), 'a DOS program')
  await refused(forged(pe, 70, 0, 2), 'impossible sections')
  await refused(forged(pe, 84, 0xffff, 2), 'truncated')
  await refused(forged(pe, 86, 0, 2), 'not a DLL')
  await refused(forged(universal, 4, 1000, 4, true), 'not a library of any format')
  await refused(forged(universal, 8, 5, 4, true), 'other processors')
  await refused(forged(universal, 20, 0xffffffff, 4, true), 'truncated')
  await refused(forged(universal, 28, 0, 4), 'is not Mach-O')
})

test.runIf(linux)('random bytes behind each beginning', async () => {
  const random = new Random(7)
  for (const make of [mach, pe, universal]) {
    for (let i = 0; i < 200; i++) {
      const bytes = make()
      const noise = random.bytes(4)
      for (let n = 0; n < 4; n++) bytes[4 + ((noise[n]! * 7 + n * 31 + i) % (bytes.length - 4))] = noise[(n + 1) % 4]!
      await rejects(open(file('noise', bytes)), 'ERR_DEVICE_UNAVAILABLE')
    }
  }
})

const compiler = process.env.CXX ?? 'c++'
const compiles = linux && spawnSync(compiler, ['--version']).status === 0
/** A library whose OrtGetApiBase says this version and has no table for a newer one. */
function fake(version: string, base = 'static const Base base = {get, version}; return &base;'): string {
  const code = file(
    'fake.cc',
    `struct Base { const void* (*get)(unsigned); const char* (*version)(); };
     static const void* get(unsigned) { return nullptr; }
     static const char* version() { return "${version}"; }
     extern "C" const Base* OrtGetApiBase() { ${base} }`,
  )
  const path = join(folder, `fake-${version}-${base.length}.so`)
  expect(spawnSync(compiler, ['-shared', '-fPIC', '-o', path, code], { encoding: 'utf8' })).toMatchObject({ status: 0 })
  return path
}
test.runIf(compiles)('too old, or of no known version', async () => {
  await refused(fake('1.11.1'), 'is ONNX Runtime 1.11.1, vitrine needs 1.12 or newer')
  await refused(fake('1.12.0'), 'is ONNX Runtime 1.12.0, vitrine needs 1.12 or newer') // says so, but has no table
  await refused(fake('nonsense'), 'is ONNX Runtime nonsense')
  await refused(fake('', 'return nullptr;'), 'OrtGetApiBase gives nothing')
})
