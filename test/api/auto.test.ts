// 'auto' where a GPU seems to be there and cannot be used: the CPU computes, and deviceNote says why. The card and the CUDA provider are made up.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { load } from '../../lib/index'
import { native } from '../../lib/native'
import { elf } from '../support/elf'
import { fixture } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { expectCode, pixelValues } from './support'
import { tiny, writeTiny } from './tiny'

vi.mock('../../lib/onnx/cuda', async (original) => ({
  ...(await original<typeof import('../../lib/onnx/cuda')>()),
  lookForGpu: () => ({
    present: true,
    devices: ['NVIDIA X'],
    driver: { library: '/libcuda.so.1', version: '1' },
    why: 'NVIDIA X, driver 1',
  }),
}))

const folder = mkdtempSync(join(tmpdir(), 'vitrine-auto-'))
const source = writeTiny(join(folder, 'tiny'))
const given = process.env.VITRINE_ORT_LIB
afterAll(() => {
  if (given === undefined) delete process.env.VITRINE_ORT_LIB
  else process.env.VITRINE_ORT_LIB = given
  rmSync(folder, { recursive: true })
})

describe.skipIf(!ortLibrary || process.platform === 'win32')('a CUDA provider whose libraries are missing', () => {
  beforeAll(() => {
    symlinkSync(ortLibrary!, join(folder, basename(ortLibrary!)))
    writeFileSync(join(folder, 'libonnxruntime_providers_cuda.so'), elf(['libcublas.so.12', 'libcudart.so.12']))
    process.env.VITRINE_ORT_LIB = folder
  })

  test('weights run on the native engine', async () => {
    const model = await load(source, { device: { name: 'auto', memoryLimit: 1e9 }, dtype: 'auto' })
    expect(model.info).toMatchObject({ device: 'cpu', dtype: native().runtime().bf16 ? 'bf16' : 'fp32' })
    expect(model.info).not.toHaveProperty('provider')
    expect(model.info.deviceNote).toMatch(/^device 'cuda': .*(libcublas\.so\.12|CUDAExecutionProvider)/)
    expect((await model.features(pixelValues(2, tiny.image))).dims).toEqual([2, tiny.dim])
    await model.close()
  })

  test("a graph runs on ONNX Runtime's CPU provider", async () => {
    const model = await load(join(fixture('onnx-external-data'), 'onnx', 'model.onnx'))
    expect(model.info).toMatchObject({
      device: 'cpu',
      provider: 'CPUExecutionProvider',
      deviceNote: expect.stringContaining("device 'cuda'"),
    })
    await model.close()
  })

  test('half precision that was asked for is not given up in silence', async () => {
    await expectCode(load(source, { dtype: 'fp16' }), 'ERR_DEVICE_UNAVAILABLE', "device 'cuda'")
    await expectCode(load(source, { device: 'cuda', dtype: 'fp16' }), 'ERR_DEVICE_UNAVAILABLE', "device 'cuda'")
  })
})

test('a card, and no ONNX Runtime that could use it', async () => {
  process.env.VITRINE_ORT_LIB = join(folder, 'nowhere')
  const model = await load(source)
  expect(model.info.device).toBe('cpu')
  expect(model.info.deviceNote).toMatch(/NVIDIA X, driver 1 is not used: no ONNX Runtime was found/)
  await model.close()
  await expectCode(load(source, { dtype: 'fp16' }), 'ERR_DTYPE_UNAVAILABLE', 'fp16')
})
