// An NVIDIA GPU from outside: its device nodes and driver, and the libraries that ONNX Runtime's CUDA provider needs, found as the loader
// would find them. Files are looked at, nothing is opened. Before it: device.ts and cli/doctor.ts; after it: elf.ts, host.ts.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { needsOf } from './elf'
import { type Host, isFile, libraryFolders, loaderCache, names, onSystem, pathList, textOf } from './host'

export interface Gpu {
  /** Whether it is worth opening a library: a device and its driver are there. */
  present: boolean
  /** Names where the driver says them, else device nodes. */
  devices: string[]
  driver: { library: string | undefined; version: string | undefined }
  /** One line for people. */
  why: string
}

export function lookForGpu(host: Host): Gpu {
  if (host.platform === 'win32') {
    const library = join(host.env.SystemRoot ?? 'C:\\Windows', 'System32', 'nvcuda.dll')
    const present = isFile(library)
    const driver = { library: present ? library : undefined, version: undefined }
    return { present, devices: [], driver, why: present ? `NVIDIA driver ${library}` : 'no NVIDIA driver: nvcuda.dll is not there' }
  }
  if (host.platform !== 'linux')
    return { present: false, devices: [], driver: { library: undefined, version: undefined }, why: 'no CUDA on this system' }
  const nodes = names(onSystem(host, '/dev')).filter((name) => /^nvidia\d+$/.test(name) || name === 'dxg')
  const cards = names(onSystem(host, '/proc/driver/nvidia/gpus')).flatMap((card) => {
    const said = textOf(onSystem(host, `/proc/driver/nvidia/gpus/${card}/information`))
    return /^Model:\s*(.+)$/m.exec(said ?? '')?.[1] ?? []
  })
  const devices = cards.length ? cards : nodes.map((name) => `/dev/${name}`)
  const version = /Kernel Module(?: for \S+)?\s+(\d+[\d.]*)/.exec(textOf(onSystem(host, '/proc/driver/nvidia/version')) ?? '')?.[1]
  const library = nodes.length > 0 ? findShared('libcuda.so.1', host, driverFolders) : undefined
  const driver = { library, version }
  if (nodes.length === 0) return { present: false, devices, driver, why: 'no NVIDIA device: neither /dev/nvidia* nor /dev/dxg is there' }
  if (!library) return { present: false, devices, driver, why: `${devices.join(', ')}, but no driver library: libcuda.so.1 was not found` }
  return { present: true, devices, driver, why: `${devices.join(', ')}, driver ${version ?? library}` }
}

/** Where WSL and container runtimes put the driver. */
const driverFolders = ['/usr/lib/wsl/lib', '/usr/local/nvidia/lib64', '/usr/local/nvidia/lib', '/usr/local/cuda/compat']

export interface Needed {
  name: string
  /** Where the loader would take it from. */
  path: string | undefined
  /** Where it lies although the loader does not look there. */
  elsewhere: string | undefined
  /** Opened by the provider itself, when it is first needed. */
  later: boolean
}

export interface CudaProvider {
  /** libonnxruntime_providers_cuda beside the library; undefined where it is not there. */
  path: string | undefined
  /** Libraries of CUDA and cuDNN; those of the system itself are not listed. */
  needs: Needed[]
  missing: Needed[]
  /** Major version of CUDA that it was built for. */
  cuda: string | undefined
}

const system = /^(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|onnxruntime\w*))\.so\b/

/** What the CUDA provider beside `library` needs. Read from its file on Linux; elsewhere only whether it is there. */
export function lookForCudaProvider(library: string, host: Host): CudaProvider {
  const name = host.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so'
  const path = join(dirname(library), name)
  if (!isFile(path)) return { path: undefined, needs: [], missing: [], cuda: undefined }
  const asked = needsOf(path)
  if (!asked) return { path, needs: [], missing: [], cuda: undefined }
  const own = asked.runpath.map((folder) => folder.replace(/\$(ORIGIN\b|\{ORIGIN\})/g, dirname(path)))
  const needed = asked.needed.filter((other) => !system.test(other))
  // Newer providers open cuDNN themselves, for the first convolution: every ViT begins with one.
  const later = needed.some((other) => other.startsWith('libcudnn')) ? [] : ['libcudnn.so.9']
  const needs = [...needed, ...later].map((other): Needed => {
    const found = findShared(other, host, own)
    const elsewhere =
      found === undefined
        ? wheels(path)
            .map((folder) => join(folder, other))
            .find(existsSync)
        : undefined
    return { name: other, path: found, elsewhere, later: later.includes(other) }
  })
  const cuda = needed.map((other) => /^libcudart\.so\.(\d+)/.exec(other)?.[1]).find((major) => major !== undefined)
  return { path, needs, missing: needs.filter((need) => need.path === undefined), cuda }
}

/** The loader's order: the file's own folders, LD_LIBRARY_PATH, the cache, the usual folders. */
function findShared(name: string, host: Host, own: string[]): string | undefined {
  const folders = [
    ...own.map((folder) => (driverFolders.includes(folder) ? onSystem(host, folder) : folder)),
    ...pathList(host, 'LD_LIBRARY_PATH'),
  ]
  const inFolder = folders.map((folder) => join(folder, name)).find(existsSync)
  if (inFolder) return inFolder
  const cached = loaderCache(host).get(name)
  if (cached !== undefined && existsSync(onSystem(host, cached))) return onSystem(host, cached)
  return libraryFolders(host)
    .map((folder) => onSystem(host, join(folder, name)))
    .find(existsSync)
}

/** lib folders of NVIDIA's own wheels in the site-packages that the provider lies in. */
function wheels(provider: string): string[] {
  const nvidia = join(dirname(provider), '..', '..', 'nvidia')
  return names(nvidia).flatMap((part) => [join(nvidia, part, 'lib'), join(nvidia, part, 'lib', 'x86_64')])
}

/** What is missing and what to install, as the end of a message; empty where nothing can be told from outside. */
export function cudaAdvice(library: string | undefined, host: Host): string {
  const parts: string[] = []
  const gpu = lookForGpu(host)
  if (!gpu.present) parts.push(gpu.why)
  if (library !== undefined) {
    const provider = lookForCudaProvider(library, host)
    if (!provider.path) parts.push(`no CUDA provider library (libonnxruntime_providers_cuda) lies beside ${library}; ${installCuda}`)
    else if (provider.missing.length) {
      const elsewhere = provider.missing.filter((need) => need.elsewhere !== undefined)
      const gone = provider.missing.filter((need) => need.elsewhere === undefined && need.name !== 'libcuda.so.1')
      if (gone.length) parts.push(`missing: ${gone.map(({ name }) => name).join(', ')}; install ${toolkit(provider.cuda)}`)
      if (elsewhere.length) {
        const folders = [...new Set(elsewhere.map((need) => dirname(need.elsewhere!)))]
        parts.push(
          `the loader does not look where ${elsewhere.map(({ name }) => name).join(', ')} lie: start with LD_LIBRARY_PATH=${folders.join(':')}`,
        )
      }
    }
  }
  return parts.join('. ')
}

/** NVIDIA's own wheels are one way to have them; their names carry the version in 12, and come with onnxruntime-gpu's extras since. */
const toolkit = (cuda: string | undefined) => {
  if (cuda === undefined) return 'the CUDA toolkit and cuDNN 9'
  const parts = ['cublas', 'cuda-runtime', 'curand', 'cufft', 'cudnn'].map((part) => `nvidia-${part}-cu${cuda}`)
  return `CUDA ${cuda} and cuDNN 9 (for example 'pip install ${cuda === '12' ? parts.join(' ') : '"onnxruntime-gpu[cuda,cudnn]"'}')`
}
export const installCuda =
  'install an ONNX Runtime that has it: "pip install onnxruntime-gpu", or on Linux x64 "npm install onnxruntime-node" with its install script allowed'
