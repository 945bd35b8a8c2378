// The machine as far as libraries are looked for on it; tests put another one in its place. Before it: library.ts, cuda.ts; after it: nothing.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Host {
  platform: NodeJS.Platform
  arch: string
  env: NodeJS.ProcessEnv
  cwd: string
  home: string
  /** What stands before every absolute path of the system; empty but in tests. */
  root: string
}

export const thisHost = (): Host => ({
  platform: process.platform,
  arch: process.arch,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  root: '',
})

export const onSystem = ({ root }: Host, path: string) => (root === '' ? path : join(root, path))

/** Names in a folder; none where it is not there or cannot be read. */
export function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

export function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile()
}

export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Entries of PATH and its like, without empty ones. */
export const pathList = (host: Host, name: string) => (host.env[name] ?? '').split(host.platform === 'win32' ? ';' : ':').filter(Boolean)

/** Flags of the loader's cache for this machine's own libraries. */
const cacheFlags: Readonly<Record<string, number>> = { x64: 0x0303, arm64: 0x0a03 }

/** Library name → path, as /etc/ld.so.cache of glibc has it; empty on other systems. */
export function loaderCache(host: Host): Map<string, string> {
  const found = new Map<string, string>()
  if (host.platform !== 'linux') return found
  let file: Buffer
  try {
    file = readFileSync(onSystem(host, '/etc/ld.so.cache'))
  } catch {
    return found
  }
  // An older table may stand in front of this one; offsets count from its own first byte.
  const start = file.indexOf('glibc-ld.so.cache1.1')
  if (start < 0 || start + 48 > file.length) return found
  const cache = file.subarray(start)
  const text = (offset: number) => cache.toString('utf8', offset, cache.indexOf(0, offset))
  const count = Math.min(cache.readUInt32LE(20), Math.floor((cache.length - 48) / 24))
  for (let i = 0; i < count; i++) {
    const [flags, key, value] = [0, 4, 8].map((at) => cache.readUInt32LE(48 + i * 24 + at)) as [number, number, number]
    if ((cacheFlags[host.arch] ?? flags) !== flags || key >= cache.length || value >= cache.length) continue
    const name = text(key)
    if (!found.has(name)) found.set(name, text(value))
  }
  return found
}

/** Where the loader looks last, and distributions put libraries. */
export function libraryFolders(host: Host): string[] {
  if (host.platform === 'darwin') return ['/opt/homebrew/lib', '/usr/local/lib', '/opt/local/lib']
  if (host.platform !== 'linux') return []
  const triple = host.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  return [`/usr/local/lib/${triple}`, '/usr/local/lib', `/usr/lib/${triple}`, `/lib/${triple}`, '/usr/lib64', '/lib64', '/usr/lib', '/lib']
}
