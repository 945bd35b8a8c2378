// vitrine doctor: everything that was looked for, as JSON and as text; its exit codes; the flags of devices.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { asText, type Diagnosis, diagnose } from '../../lib/cli/doctor'
import type { Host } from '../../lib/onnx/host'
import { elf } from '../support/elf'
import { temporaryFolder as folderOf } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { lines, photosFolder, temporaryFolder, vitrine } from './support'

const photo = join(photosFolder, 'chelsea.jpg')
const gpu = existsSync('/dev/nvidia0')

test('on a pipe one JSON object, with every place that was looked at', async () => {
  const { code, out, error } = await vitrine(['doctor'])
  const [found] = lines<Diagnosis>({ code, out, error })
  expect(found!.engine).toMatchObject({ isa: expect.any(String), threads: expect.any(Number) })
  expect(found!.searched.length).toBeGreaterThan(0)
  for (const place of found!.searched)
    expect(place).toMatchObject({ from: expect.any(String), looked: expect.any(String), why: expect.any(String) })
  if (!gpu) expect(found!.auto).toMatchObject({ device: 'cpu', why: expect.stringMatching(/NVIDIA|CUDA/) })
  if (ortLibrary) {
    const place = found!.searched.find(({ path }) => path === ortLibrary)
    expect(place?.version).toMatch(/^1\.\d+\.\d+/)
    expect(place?.devices).toContain('ort-cpu')
    expect(found!.searched.filter(({ takenFor }) => takenFor?.includes('ort-cpu'))).toHaveLength(1)
    expect(asText(found!)).toContain('taken for ort-cpu')
    if (!gpu) expect(code).toBe(0)
  }
})

test('a library that was named and is not there, or is none: exit code 1', async () => {
  const { path, remove } = temporaryFolder()
  try {
    const empty = await vitrine(['doctor', '--json'], { env: { VITRINE_ORT_LIB: path } })
    expect(empty.code).toBe(1)
    expect(lines<Diagnosis>(empty)[0]!.searched).toMatchObject([
      { from: 'VITRINE_ORT_LIB', looked: path, why: expect.stringContaining('no such') },
    ])
    const none = await vitrine(['doctor'], { env: { VITRINE_ORT_LIB: photo } })
    expect(none.code).toBe(1)
    expect(lines<Diagnosis>(none)[0]!.searched[0]!.error).toContain('ERR_DEVICE_UNAVAILABLE')
  } finally {
    remove()
  }
})

test('as text: a machine with a card, a driver, and a CUDA provider that lacks its libraries', async () => {
  const root = folderOf()
  const capi = join(root, 'venv/lib/python3.12/site-packages/onnxruntime/capi')
  const files: Record<string, string | Uint8Array> = {
    [join(root, 'dev/nvidia0')]: '',
    [join(root, 'usr/lib/libcuda.so.1')]: '',
    [join(root, 'proc/driver/nvidia/gpus/0/information')]: 'Model: NVIDIA H100\n',
    [join(capi, 'libonnxruntime.so.1.22.0')]: 'no library',
    [join(capi, 'libonnxruntime_providers_cuda.so')]: elf(['libcublas.so.12', 'libcudart.so.12', 'libcuda.so.1', 'libc.so.6']),
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  const env = { VITRINE_ORT_LIB: capi, PATH: '' }
  const host: Host = { platform: 'linux', arch: 'x64', env, cwd: root, home: root, root }
  const text = asText(await diagnose(host))
  expect(text).toMatch(/device auto {3}cuda: NVIDIA H100/)
  expect(text).toMatch(/✗ VITRINE_ORT_LIB: .*libonnxruntime\.so\.1\.22\.0\n {6}ERR_DEVICE_UNAVAILABLE/)
  expect(text).toContain('built for CUDA 12')
  expect(text).toMatch(/✗ libcublas\.so\.12: missing\n/)
  expect(text).toMatch(/✓ libcuda\.so\.1: /)
  expect(text).toMatch(/✗ libcudnn\.so\.9: missing \(opened on first use\)/)
  expect(text).toMatch(/missing: libcublas\.so\.12, libcudart\.so\.12, libcudnn\.so\.9; install CUDA 12 and cuDNN 9/)
  expect(text).not.toMatch(/undefined|libc\.so/)
})

test.skipIf(!ortLibrary)('--device and --dtype', async () => {
  const { code, out, error } = await vitrine(['info', '--device', '{"name": "ort-cpu", "batch": 2}'])
  expect(code, error).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ device: 'ort-cpu', provider: 'CPUExecutionProvider' })
  const features = await vitrine(['features', photo, '--device', 'ort-cpu', '--threads', '1'])
  expect(features.code, features.error).toBe(0)
  expect(lines<{ dims: number[] }>(features)[0]!.dims).toEqual([384])
  const wrong = await vitrine(['info', '--dtype', 'fp16', '--device', 'cpu'])
  expect(wrong.code).toBe(3)
  expect(wrong.error).toContain('ERR_DTYPE_UNAVAILABLE')
  const settings = await vitrine(['info', '--device', '{"name": "cuda", "colour": 1}'])
  expect(settings.code).toBe(2)
  expect(settings.error).toContain("'colour'")
  if (gpu) return
  const cuda = await vitrine(['features', photo, '--device', 'cuda'])
  expect({ code: cuda.code, out: cuda.out }).toEqual({ code: 3, out: '' })
  expect(cuda.error).toContain('CUDA')
})
