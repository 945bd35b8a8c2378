// What only a process of its own shows: no ONNX Runtime, one without CUDA, one that is none; and that 'auto' opens nothing without a GPU.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { addon, runChild } from '../support/child'
import { fixture } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { photo, root } from './support'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-ort-'))
afterAll(() => rmSync(folder, { recursive: true }))
const onnx = join(fixture('onnx-external-data'), 'onnx', 'model.onnx')
const gpu = existsSync('/dev/nvidia0')

/** Prints a line of JSON per load: { code, message } or { device, note, dims }; then whether a libonnxruntime is mapped. */
const script = join(folder, 'loads.cjs')
writeFileSync(
  script,
  `const { load } = require(${JSON.stringify(join(root, 'dist', 'index.js'))})
const { readFileSync } = require('node:fs')
;(async () => {
  for (const [source, options] of JSON.parse(process.argv[2])) {
    try {
      const model = await load(source ?? undefined, options)
      const { device, deviceNote, provider } = model.info
      const features = await model.features(${JSON.stringify(photo('chelsea.jpg'))})
      console.log(JSON.stringify({ device, deviceNote, provider, dims: features.dims }))
      await model.close()
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }))
    }
  }
  if (process.platform === 'linux') console.log(JSON.stringify({ mapped: /onnxruntime/.test(readFileSync('/proc/self/maps', 'utf8')) }))
})()
`,
)
/** As on a machine where nobody has installed the package. */
const hide = join(folder, 'hide.cjs')
writeFileSync(
  hide,
  `const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  if (request.startsWith('onnxruntime-node')) throw Object.assign(new Error('hidden'), { code: 'MODULE_NOT_FOUND' })
  return resolve.call(this, request, ...rest)
}
`,
)

type Line = { code?: string; message?: string; device?: string; deviceNote?: string; provider?: string; dims?: number[]; mapped?: boolean }
function loads(what: [string | null, object?][], env: NodeJS.ProcessEnv = {}, hidden = false): Line[] {
  const { code, out, error } = runChild(script, [JSON.stringify(what)], {
    node: hidden ? ['--require', hide] : [],
    env: {
      VITRINE_ADDON: addon,
      VIRTUAL_ENV: '',
      CONDA_PREFIX: '',
      ...(hidden && { PATH: '', HOME: folder, LD_LIBRARY_PATH: '' }),
      ...env,
    },
  })
  expect(code, error).toBe(0)
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}
const needs: [string | null, object?][] = [
  [null, { device: 'cuda' }],
  [null, { device: 'ort-cpu' }],
  [onnx, {}],
  [onnx, { device: 'cuda' }],
]

describe('without ONNX Runtime', () => {
  test.each([
    ['an empty folder', { VITRINE_ORT_LIB: folder }, false],
    ['the package hidden', {}, true],
  ])('each of its devices says what to install, and everything else works: %s', (_, env, hidden) => {
    const [cuda, cpu, graph, graphOnCuda, plain, last] = loads([...needs, [null, {}]], env, hidden) as [Line, Line, Line, Line, Line, Line]
    for (const line of [cuda, cpu, graph, graphOnCuda]) {
      expect(line.code, line.message).toBe('ERR_DEVICE_UNAVAILABLE')
      expect(line.message).toMatch(/no ONNX Runtime was found: looked for /)
      expect(line.message).toMatch(/"(npm|pip) install onnxruntime/)
      expect(line.message).toContain('VITRINE_ORT_LIB')
    }
    expect(cuda.message).toContain("device 'cuda'")
    expect(cuda.message).toContain('onnxruntime-gpu')
    expect(cpu.message).toContain("device 'ort-cpu'")
    expect(graph.message).toContain(`${onnx} is an ONNX graph, which ONNX Runtime runs`)
    if (hidden) for (const place of ['onnxruntime-node', 'Python', 'system']) expect(cuda.message).toContain(place)
    expect(plain).toMatchObject({ device: 'cpu', dims: [1, 384] })
    if (process.platform === 'linux') expect(last).toEqual({ mapped: false })
  })

  test.skipIf(gpu)("'auto' is the native engine, which opens no library, whatever is installed", () => {
    const [plain, auto, last] = loads([
      [null, {}],
      [null, { device: 'auto', dtype: 'auto' }],
    ]) as [Line, Line, Line]
    for (const line of [plain, auto]) expect(line).toEqual({ device: 'cpu', dims: [1, 384] })
    if (process.platform === 'linux') expect(last).toEqual({ mapped: false })
  })
})

describe.skipIf(!ortLibrary)('with ONNX Runtime', () => {
  test.skipIf(gpu)('without CUDA: the provider that is missing is named', () => {
    const [cuda, graph, cpu, own] = loads([
      [null, { device: 'cuda' }],
      [onnx, { device: 'cuda:0' }],
      [onnx, { device: 'auto' }],
      [null, { device: 'ort-cpu' }],
    ]) as [Line, Line, Line, Line]
    for (const [line, label] of [
      [cuda, 'cuda'],
      [graph, 'cuda:0'],
    ] as const) {
      expect(line.code, line.message).toBe('ERR_DEVICE_UNAVAILABLE')
      expect(line.message).toMatch(new RegExp(`^device '${label}': `))
      expect(line.message).toMatch(/no CUDA provider library|not CUDAExecutionProvider/)
      expect(line.message).toContain('onnxruntime-gpu')
      expect(line.message).not.toMatch(/\n|onnxruntime_src/)
    }
    expect(cpu).toMatchObject({ device: 'cpu', provider: 'CPUExecutionProvider', dims: [1, 48] })
    expect(own).toMatchObject({ device: 'ort-cpu', dims: [1, 384] })
  })

  test('a library that is none, or cut short: an error that names it', () => {
    const cut = join(folder, basename(ortLibrary!))
    copyFileSync(ortLibrary!, cut)
    truncateSync(cut, 1_000_000)
    const text = join(folder, 'libonnxruntime.so.1.0.0')
    writeFileSync(text, 'not a library')
    for (const [path, said] of [
      [cut, /truncated/],
      [text, /librar|ELF|header/],
      [addon, /OrtGetApiBase/],
    ] as const) {
      const [line] = loads([[onnx, {}]], { VITRINE_ORT_LIB: path }) as [Line]
      expect(line.code, line.message).toBe('ERR_DEVICE_UNAVAILABLE')
      expect(line.message).toContain(`VITRINE_ORT_LIB: ${path}`)
      expect(line.message).toMatch(said)
    }
  })

  test.skipIf(process.platform !== 'linux' || spawnSync('cc', ['--version']).status !== 0)(
    'a library that is too old: both versions are named',
    () => {
      const source = join(folder, 'old.c')
      const old = join(folder, 'old', 'libonnxruntime.so.1.11.1')
      mkdirSync(join(folder, 'old'))
      writeFileSync(
        source,
        `struct base { const void* (*api)(unsigned); const char* (*version)(void); };
static const void* api(unsigned version) { return 0; }
static const char* version(void) { return "1.11.1"; }
static const struct base it = { api, version };
const struct base* OrtGetApiBase(void) { return &it; }
`,
      )
      expect(spawnSync('cc', ['-shared', '-fPIC', '-o', old, source]).status).toBe(0)
      const lines = loads(needs.slice(1), { VITRINE_ORT_LIB: join(folder, 'old') })
      for (const line of lines.slice(0, 3)) {
        expect(line.code, line.message).toBe('ERR_DEVICE_UNAVAILABLE')
        expect(line.message).toMatch(/1\.11\.1.*1\.12/)
        expect(line.message).toContain(old)
      }
    },
  )
})
