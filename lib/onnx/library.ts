// Where a libonnxruntime is: VITRINE_ORT_LIB, an installed onnxruntime-node, a Python wheel, the system's. Files are looked at, nothing is
// opened and nothing is run. Before it: runtime.ts, which opens one, and cli/doctor.ts, which prints all of this; after it: python.ts.
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import { type Host, isFile, libraryFolders, loaderCache, names, onSystem, pathList } from './host'
import { pythonFolders } from './python'

/** One place that was looked at. */
export interface Place {
  /** Who would have put a library there: 'VITRINE_ORT_LIB', 'onnxruntime-node', 'Python', 'system'. */
  from: string
  looked: string
  /** Absolute path of the library, where there is one. */
  path: string | undefined
  /** Execution providers whose libraries lie beside it: 'cuda', 'tensorrt', …. */
  providers: string[]
  /** What was found, or why nothing was. */
  why: string
}

const libraryName = (platform: NodeJS.Platform) =>
  platform === 'win32' ? /^onnxruntime\.dll$/i : platform === 'darwin' ? /^libonnxruntime(\.\d+)*\.dylib$/ : /^libonnxruntime\.so(\.\d+)*$/
const providerName = /^(?:lib)?onnxruntime_providers_(\w+)\.(?:so|dll|dylib)$/

/** Every place, in the order in which a library is taken. With VITRINE_ORT_LIB there is that one alone. */
export function searchLibraries(host: Host): Place[] {
  const named = host.env.VITRINE_ORT_LIB
  if (named) return [namedPlace(host, named)]
  const places = [...nodePlaces(host), ...pythonPlaces(host), ...systemPlaces(host)]
  const seen = new Set<string>()
  return places.filter(({ path }) => path === undefined || (!seen.has(path) && seen.add(path)))
}

/** File names of a folder that are the library, the one without a version first, then the newest. */
function librariesIn(folder: string, host: Host): string[] {
  const version = (name: string) => (/\d+(\.\d+)*/.exec(name)?.[0] ?? '9999').split('.').map(Number)
  const newer = (a: string, b: string) => {
    const [x, y] = [version(a), version(b)]
    for (let i = 0; i < Math.max(x.length, y.length); i++) if (x[i] !== y[i]) return (y[i] ?? 0) - (x[i] ?? 0)
    return 0
  }
  return names(folder)
    .filter((name) => libraryName(host.platform).test(name) && isFile(join(folder, name)))
    .sort(newer)
}

function place(host: Host, from: string, folder: string): Place {
  const [name] = librariesIn(folder, host)
  return name === undefined
    ? { from, looked: folder, path: undefined, providers: [], why: 'no such library there' }
    : found(from, folder, join(folder, name))
}

function found(from: string, looked: string, path: string): Place {
  const providers = names(dirname(path)).flatMap((name) => {
    const provider = providerName.exec(name)?.[1]
    return provider === undefined || provider === 'shared' ? [] : [provider]
  })
  const beside = providers.length ? `with the provider libraries ${providers.join(', ')} beside it` : 'without provider libraries beside it'
  return { from, looked, path, providers, why: `found, ${beside}` }
}

/** A file, or a folder that holds the library or has it in lib/. */
function namedPlace(host: Host, named: string): Place {
  const from = 'VITRINE_ORT_LIB'
  const path = resolve(host.cwd, named)
  if (isFile(path)) return found(from, path, path)
  const inside = [path, join(path, 'lib')].map((folder) => place(host, from, folder)).find((candidate) => candidate.path !== undefined)
  return inside ?? { from, looked: path, path: undefined, providers: [], why: 'no such file, and no folder with the library in it' }
}

/** The npm package, from the application's folder and from ours. */
function nodePlaces(host: Host): Place[] {
  const from = 'onnxruntime-node'
  const packages = new Set<string>()
  for (const base of [join(host.cwd, 'package.json'), __filename]) {
    try {
      packages.add(dirname(createRequire(base).resolve('onnxruntime-node/package.json')))
    } catch {
      // Not installed for this one.
    }
  }
  if (packages.size === 0) return [{ from, looked: 'node_modules', path: undefined, providers: [], why: 'the package is not installed' }]
  return [...packages].flatMap((folder) => {
    // An Electron archive cannot be opened by the system's loader: the library lies unpacked beside it.
    const bin = join(folder.replace(`app.asar${sep}`, `app.asar.unpacked${sep}`), 'bin')
    const builds = names(bin).filter((name) => /^napi-v\d+$/.test(name))
    const newest = builds.sort((a, b) => Number(b.slice(6)) - Number(a.slice(6)))
    if (newest.length === 0) return [{ from, looked: bin, path: undefined, providers: [], why: 'the package has no bin/napi-v… folder' }]
    return newest.map((build) => place(host, from, join(bin, build, host.platform, host.arch)))
  })
}

/** onnxruntime and onnxruntime-gpu, which both install the module onnxruntime. */
function pythonPlaces(host: Host): Place[] {
  const from = 'Python'
  const sites = pythonFolders(host)
  if (sites.length === 0) return [{ from, looked: 'PATH', path: undefined, providers: [], why: 'no Python was found' }]
  return sites.map(({ folder, whose }) => {
    const candidate = place(host, `${from} (${whose})`, join(folder, 'onnxruntime', 'capi'))
    return candidate.path === undefined ? { ...candidate, why: 'neither onnxruntime nor onnxruntime-gpu is installed there' } : candidate
  })
}

/** The loader's own search path, its cache, and where distributions and Homebrew put it. Never a folder of Windows itself. */
function systemPlaces(host: Host): Place[] {
  const from = 'system'
  if (host.platform === 'win32') return []
  const folders = pathList(host, host.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH')
  const places = folders.map((folder) => place(host, `${from} (library path)`, folder))
  const cached = [...loaderCache(host)].filter(([name]) => libraryName(host.platform).test(name)).map(([, path]) => onSystem(host, path))
  places.push(...cached.filter(isFile).map((path) => found(`${from} (ldconfig)`, '/etc/ld.so.cache', path)))
  const usual = [...libraryFolders(host), '/opt/onnxruntime/lib'].map((folder) => place(host, from, onSystem(host, folder)))
  places.push(...usual.filter(({ path }) => path !== undefined))
  if (places.every(({ path }) => path === undefined)) {
    places.push({ from, looked: 'ldconfig and the usual folders', path: undefined, providers: [], why: 'no such library there' })
  }
  return places
}
