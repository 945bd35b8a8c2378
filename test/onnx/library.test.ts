// Where a library is looked for, on machines made of folders: order, reasons, and what a CUDA provider lacks. Nothing is opened here.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { gpuNote } from '../../lib/device'
import { cudaAdvice, lookForCudaProvider, lookForGpu } from '../../lib/onnx/cuda'
import { needsOf } from '../../lib/onnx/elf'
import { type Host, loaderCache } from '../../lib/onnx/host'
import { searchLibraries } from '../../lib/onnx/library'
import { pythonFolders } from '../../lib/onnx/python'
import { candidatesFor } from '../../lib/onnx/runtime'
import { elf, loaderCacheFile } from '../support/elf'
import { temporaryFolder } from '../support/fixtures'

/** A Linux machine whose files are these. */
function machine(files: Record<string, string | Uint8Array>, env: Record<string, string> = {}): Host {
  const root = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  const under = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      value
        .split(':')
        .map((path) => (path.startsWith('/') ? join(root, path) : path))
        .join(':'),
    ]),
  )
  return { platform: 'linux', arch: 'x64', env: under, cwd: join(root, 'app'), home: join(root, 'home/me'), root }
}
const inside = ({ root }: Host, path: string | undefined) => path?.replace(`${root}/`, '')
const wheel = 'lib/python3.11/site-packages/onnxruntime/capi'
const package_ = 'app/node_modules/onnxruntime-node'

describe('the search', () => {
  test('VITRINE_ORT_LIB alone: a file, a folder, a folder with lib/; nothing there is no search on', () => {
    const files = { 'ort/lib/libonnxruntime.so.1.20.0': '', 'usr/lib/libonnxruntime.so': '' }
    for (const named of ['/ort/lib/libonnxruntime.so.1.20.0', '/ort/lib', '/ort', '/nowhere']) {
      const host = machine(files, { VITRINE_ORT_LIB: named })
      const [found, ...more] = searchLibraries(host)
      expect(more).toEqual([])
      expect(found!.from).toBe('VITRINE_ORT_LIB')
      expect(inside(host, found!.path)).toBe(named === '/nowhere' ? undefined : 'ort/lib/libonnxruntime.so.1.20.0')
    }
  })

  test('onnxruntime-node of the application, then Python, then the system', () => {
    const host = machine(
      {
        [`${package_}/package.json`]: '{"name": "onnxruntime-node", "version": "1.2.3"}',
        [`${package_}/bin/napi-v3/linux/x64/libonnxruntime.so.1`]: '',
        [`${package_}/bin/napi-v6/linux/x64/libonnxruntime.so.1`]: '',
        [`${package_}/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so`]: '',
        [`${package_}/bin/napi-v6/linux/x64/libonnxruntime_providers_shared.so`]: '',
        [`venv/${wheel}/libonnxruntime.so.1.9.0`]: '',
        [`venv/${wheel}/libonnxruntime.so.1.32.0`]: '',
        'usr/lib/x86_64-linux-gnu/libonnxruntime.so.1.21': '',
      },
      { VIRTUAL_ENV: '/venv', PATH: '' },
    )
    const places = searchLibraries(host)
    const found = places.filter(({ path }) => path !== undefined)
    // This clone's own onnxruntime-node, if it is installed, comes after the application's.
    const paths = found.map(({ path }) => inside(host, path)).filter((path) => !path!.startsWith('/'))
    expect(paths).toEqual([
      `${package_}/bin/napi-v6/linux/x64/libonnxruntime.so.1`,
      `${package_}/bin/napi-v3/linux/x64/libonnxruntime.so.1`,
      `venv/${wheel}/libonnxruntime.so.1.32.0`,
      'usr/lib/x86_64-linux-gnu/libonnxruntime.so.1.21',
    ])
    expect(found[0]).toMatchObject({ from: 'onnxruntime-node', providers: ['cuda'] })
    expect(found.find(({ from }) => from.startsWith('Python'))).toMatchObject({ from: 'Python (VIRTUAL_ENV)', providers: [] })
  })

  test('for a provider, libraries that have its own beside them go first', () => {
    const place = (path: string | undefined, providers: string[]) => ({ from: 'x', looked: '', path, providers, why: '' })
    const places = [place('/a', []), place(undefined, []), place('/b', ['cuda']), place('/c', ['cuda', 'tensorrt'])]
    const order = (provider: string) => candidatesFor(provider, places).map(({ path }) => path)
    expect(order('cuda')).toEqual(['/b', '/c', '/a'])
    expect(order('tensorrt')).toEqual(['/c', '/a', '/b'])
    expect(order('cpu')).toEqual(['/a', '/b', '/c'])
  })

  test('other systems: names, folders, and never those of Windows itself', () => {
    const host = {
      ...machine({ 'opt/homebrew/lib/libonnxruntime.1.22.0.dylib': '' }, { PATH: '' }),
      platform: 'darwin' as const,
      arch: 'arm64',
    }
    const found = searchLibraries(host).filter(({ from, path }) => path !== undefined && from.startsWith('system'))
    expect(found.map(({ path }) => inside(host, path))).toEqual(['opt/homebrew/lib/libonnxruntime.1.22.0.dylib'])
    const windows = {
      ...machine({ 'Windows/System32/onnxruntime.dll': '' }, { PATH: '', SystemRoot: '/Windows' }),
      platform: 'win32' as const,
    }
    expect(searchLibraries(windows).some(({ looked, path }) => /System32/.test(path ?? looked))).toBe(false)
    const named = { ...machine({ 'ort/onnxruntime.dll': '' }, { VITRINE_ORT_LIB: '/ort' }), platform: 'win32' as const }
    expect(inside(named, searchLibraries(named)[0]!.path)).toBe('ort/onnxruntime.dll')
  })

  test("the loader's path, and its cache", () => {
    const cache = loaderCacheFile([
      ['libonnxruntime.so.1.21', '/opt/ort/libonnxruntime.so.1.21', 0x0303],
      ['libonnxruntime.so.1.20', '/opt/other/libonnxruntime.so.1.20', 0x0a03],
      ['libcuda.so.1', '/usr/lib/nvidia/libcuda.so.1', 0x0303],
    ])
    const files = {
      'etc/ld.so.cache': cache,
      'opt/ort/libonnxruntime.so.1.21': '',
      'opt/other/libonnxruntime.so.1.20': '',
      'mine/libonnxruntime.so': '',
    }
    const host = machine(files, { LD_LIBRARY_PATH: '/none:/mine', PATH: '' })
    expect([...loaderCache(host).keys()]).toEqual(['libonnxruntime.so.1.21', 'libcuda.so.1'])
    const found = searchLibraries(host).filter(({ from, path }) => path !== undefined && from.startsWith('system'))
    expect(found.map(({ from, path }) => [from, inside(host, path)])).toEqual([
      ['system (library path)', 'mine/libonnxruntime.so'],
      ['system (ldconfig)', 'opt/ort/libonnxruntime.so.1.21'],
    ])
    expect(loaderCache(machine({ 'etc/ld.so.cache': 'glibc-ld.so.cache1.1' })).size).toBe(0)
    expect(loaderCache(machine({ 'etc/ld.so.cache': cache.subarray(0, 60) })).size).toBe(0)
  })
})

describe('Python without running it', () => {
  const site = 'lib/python3.11/site-packages'
  test('environments, an interpreter on PATH, the user', () => {
    const host = machine(
      {
        [`venv/${site}/x`]: '',
        [`conda/${site}/x`]: '',
        'usr/bin/python3': '',
        'usr/lib/python3/dist-packages/x': '',
        'usr/local/lib/python3.11/dist-packages/x': '',
        [`home/me/.local/${site}/x`]: '',
      },
      { VIRTUAL_ENV: '/venv', CONDA_PREFIX: '/conda', PATH: '/bin:/usr/bin' },
    )
    expect(pythonFolders(host).map(({ folder }) => inside(host, folder))).toEqual([
      `venv/${site}`,
      `conda/${site}`,
      'usr/local/lib/python3.11/dist-packages',
      'usr/lib/python3/dist-packages',
      `home/me/.local/${site}`,
    ])
  })

  test('an environment whose python3 is a link; pyenv', () => {
    const host = machine({ 'real/bin/python3': '', [`real/${site}/x`]: '', [`env/${site}/x`]: '', 'env/bin/x': '' }, { PATH: '/env/bin' })
    symlinkSync(join(host.root, 'real/bin/python3'), join(host.root, 'env/bin/python3'))
    expect(pythonFolders(host).map(({ folder }) => inside(host, folder))).toEqual([`env/${site}`, `real/${site}`])

    const files = {
      '.pyenv/shims/python3': '#!',
      '.pyenv/version': '3.11.7\n',
      [`.pyenv/versions/3.11.7/${site}/x`]: '',
      '.pyenv/versions/3.11.7/bin/python3': '',
    }
    const pyenv = machine(files, { PATH: '/.pyenv/shims' })
    expect(pythonFolders(pyenv).map(({ folder }) => inside(pyenv, folder))).toEqual([`.pyenv/versions/3.11.7/${site}`])
    const missing = machine({ '.pyenv/shims/python3': '#!' }, { PATH: '/.pyenv/shims' })
    expect(pythonFolders(missing)).toEqual([])
  })
})

describe('an NVIDIA GPU from outside', () => {
  const driver = {
    'dev/nvidia0': '',
    'usr/lib/x86_64-linux-gnu/libcuda.so.1': '',
    'proc/driver/nvidia/version': 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\n',
    'proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: \t\t NVIDIA H100\nIRQ: 5\n',
  }
  const capi = `venv/${wheel}`
  const needed = [
    'libcublas.so.12',
    'libcudnn.so.9',
    'libcudart.so.12',
    'libcuda.so.1',
    'libstdc++.so.6',
    'libc.so.6',
    'ld-linux-x86-64.so.2',
  ]
  const ort = (runpath?: string) => ({
    [`${capi}/libonnxruntime.so.1.20.0`]: '',
    [`${capi}/libonnxruntime_providers_cuda.so`]: elf(needed, runpath),
  })

  test('device and driver', () => {
    const { present, devices, driver: found } = lookForGpu(machine(driver))
    expect({ present, devices, version: found.version }).toEqual({ present: true, devices: ['NVIDIA H100'], version: '550.54.15' })
    expect(lookForGpu(machine({}))).toMatchObject({ present: false, devices: [] })
    const { 'usr/lib/x86_64-linux-gnu/libcuda.so.1': _, ...undriven } = driver
    expect(lookForGpu(machine(undriven))).toMatchObject({ present: false, why: expect.stringContaining('libcuda.so.1') })
    const wsl = machine({ 'dev/dxg': '', 'usr/lib/wsl/lib/libcuda.so.1': '' })
    expect(lookForGpu(wsl)).toMatchObject({ present: true, devices: ['/dev/dxg'] })
  })

  test('what the provider asks for, read from its file', () => {
    const folder = temporaryFolder({
      'a.so': elf(needed, '$ORIGIN/../x:/opt/cuda'),
      'b.so': elf([]),
      'c.so': 'no library',
      'd.so': elf(needed).subarray(0, 100),
    })
    expect(needsOf(join(folder, 'a.so'))).toEqual({ needed, runpath: ['$ORIGIN/../x', '/opt/cuda'] })
    expect(needsOf(join(folder, 'b.so'))).toEqual({ needed: [], runpath: [] })
    for (const name of ['c.so', 'd.so', 'none.so']) expect(needsOf(join(folder, name))?.needed ?? []).toEqual([])
  })

  test('where each library is, and what is missing', () => {
    const library = (host: Host) => join(host.root, capi, 'libonnxruntime.so.1.20.0')
    const bare = machine({ ...driver, ...ort() })
    const lacking = lookForCudaProvider(library(bare), bare)
    expect(lacking.cuda).toBe('12')
    expect(lacking.missing.map(({ name }) => name)).toEqual(['libcublas.so.12', 'libcudnn.so.9', 'libcudart.so.12'])
    expect(cudaAdvice(library(bare), bare)).toMatch(
      /missing: libcublas\.so\.12, libcudnn\.so\.9, libcudart\.so\.12; install CUDA 12 and cuDNN 9/,
    )

    const nvidia = (part: string) => `venv/lib/python3.11/site-packages/nvidia/${part}/lib`
    const wheels = {
      [`${nvidia('cublas')}/libcublas.so.12`]: '',
      [`${nvidia('cudnn')}/libcudnn.so.9`]: '',
      [`${nvidia('cuda_runtime')}/libcudart.so.12`]: '',
    }
    const beside = machine({ ...driver, ...ort(), ...wheels })
    expect(lookForCudaProvider(library(beside), beside).missing.every(({ elsewhere }) => elsewhere !== undefined)).toBe(true)
    expect(cudaAdvice(library(beside), beside)).toContain(`LD_LIBRARY_PATH=${join(beside.root, nvidia('cublas'))}:`)

    const runpath = ['cublas', 'cudnn', 'cuda_runtime'].map((part) => `$ORIGIN/../../nvidia/${part}/lib`).join(':')
    const whole = machine({ ...driver, ...ort(runpath), ...wheels })
    expect(lookForCudaProvider(library(whole), whole).missing).toEqual([])
    expect(cudaAdvice(library(whole), whole)).toBe('')

    const cpuOnly = machine({ ...driver, [`${capi}/libonnxruntime.so.1.20.0`]: '' })
    expect(cudaAdvice(library(cpuOnly), cpuOnly)).toMatch(/no CUDA provider library .* "pip install onnxruntime-gpu"/)
  })

  test("what 'auto' says where it does not try: nothing without a card", () => {
    const env = { VIRTUAL_ENV: '/venv', PATH: '' }
    expect(gpuNote(machine({}, env))).toEqual({ text: undefined })
    expect(gpuNote(machine({ ...driver, ...ort() }, env))).toBeUndefined()
    expect(gpuNote(machine({ 'dev/nvidia0': '' }, env))?.text).toContain('libcuda.so.1')
    expect(gpuNote(machine({ ...driver, [`${capi}/libonnxruntime.so.1.20.0`]: '' }, env))?.text).toMatch(
      /H100.* is not used: no CUDA provider/,
    )
    expect(gpuNote(machine(driver, { VITRINE_ORT_LIB: '/nowhere' }))?.text).toContain('no ONNX Runtime was found')
  })
})
