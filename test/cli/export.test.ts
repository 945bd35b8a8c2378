// vitrine export: what it writes, what it says, and its exit codes.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixture, temporaryFolder } from '../support/fixtures'
import { vitrine } from './support'

const checkpoint = fixture('hf-vit-nonsquare')

test('writes a folder that is whole, and says what is in it', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'model', 'onnx', 'model.onnx')
  const { code, out, error } = await vitrine(['export', checkpoint, path, '--external', '--outputs', 'cls,tokens'])
  expect({ code, out }, error).toEqual({ code: 0, out: '' })
  expect(error).toContain(`${path} (`)
  expect(error).toContain(': cls, last_hidden_state')
  expect(readdirSync(join(folder, 'model')).sort()).toEqual(['config.json', 'onnx', 'preprocessor_config.json'])
  expect(readdirSync(join(folder, 'model', 'onnx')).sort()).toEqual(['model.onnx', 'model.onnx_data'])

  const again = await vitrine(['export', checkpoint, path])
  expect(again.code, again.error).toBe(2)
  expect(again.error).toContain('force')
  expect((await vitrine(['export', checkpoint, path, '--force', '--dtype', 'fp16', '--fused'])).code).toBe(0)
})

test.each<[string, string[], number, string]>([
  ['no file', ['export'], 2, 'paths'],
  ['a file of another kind', ['export', checkpoint, 'model.bin'], 2, '.onnx'],
  ['too many paths', ['export', 'a', 'b', 'c.onnx'], 2, 'a b c.onnx'],
  ['a pool that is not there', ['export', checkpoint, 'never/model.onnx', '--outputs', 'logits'], 2, 'logits'],
  ['a size that the patch does not divide', ['export', checkpoint, 'never/model.onnx', '--image-size', '7'], 2, 'multiple of the patch'],
  ['no checkpoint', ['export', 'nowhere', 'never/model.onnx'], 3, 'ERR_CHECKPOINT_NOT_FOUND'],
  ['a place that cannot be written', ['export', checkpoint, join(__filename, 'model.onnx')], 1, 'ERR_FILE_WRITE'],
])('%s', async (_, args, expected, said) => {
  const { code, out, error } = await vitrine(args)
  expect({ code, out }, error).toEqual({ code: expected, out: '' })
  expect(error).toContain(said)
  expect(error).not.toContain('    at ')
})
