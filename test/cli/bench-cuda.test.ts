// bench/cuda, which needs a GPU for what it is there for, runs here through the same code on ONNX Runtime's CPU provider.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runChild } from '../support/child'
import { ownFixtures } from '../support/fixtures'
import { ortLibrary } from '../support/ort'
import { root, temporaryFolder } from './support'

const script = join(root, 'bench', 'cuda', 'index.js')

test.skipIf(!ortLibrary)('--device cpu: vectors are right, and there is a table', () => {
  const { path, remove } = temporaryFolder()
  try {
    const args = ['--device', 'cpu', '--cache', path, '--batches', '1,3', '--seconds', '0.02', '--fixtures', ownFixtures, '--default', path]
    const { code, out, error } = runChild(script, args)
    expect(code, error).toBe(0)
    expect(out).toMatch(/^# ort-cpu\n/)
    expect(out).toMatch(/\| hf-vit-nonsquare \| fp32 \| \d+ \| .* \| good \|/)
    expect(out).toMatch(/\| onnx-fp16 \| fp32 \|/)
    expect(out).toMatch(/\| tiny, random weights \| fp16 \| 3 \| 0\.9999\d+ \| \w+ \| good \|/)
    for (const batch of [1, 3]) expect(out).toMatch(new RegExp(`\\| tiny \\| fp16 \\| ort-cpu \\| ${batch} \\| [\\d.]+ \\| [\\d.]+ \\|`))
  } finally {
    remove()
  }
})

test('a device that is not there is said in one line', () => {
  const { code, out, error } = runChild(script, ['--device', 'npu', '--models', 'tiny'], { env: { VITRINE_ORT_LIB: root } })
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(error).toMatch(/ERR_DEVICE_UNAVAILABLE: device 'npu'/)
  expect(error).not.toContain('    at ')
})
