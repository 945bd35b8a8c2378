// --help and wrong usage: every option of the table is a flag with its default; exit codes 0, 2 and 3.
import { expect, test } from 'vitest'
import { type CallName, optionRows, optionsOf } from '../../lib/options'
import { poolNames } from '../../lib/pooling'
import { photosFolder, root, vitrine } from './support'

const commands: [string, CallName[]][] = [
  ['features', ['load', 'stream']],
  ['classify', ['load', 'classify']],
  ['attention', ['load', 'attention']],
  ['info', ['load']],
  ['export', ['export']],
]

test.each(commands)('%s --help has the names and defaults of the API', async (command, calls) => {
  const { code, out, error } = await vitrine([command, '--help'], { env: { COLUMNS: '1000' } })
  expect({ code, error }).toEqual({ code: 0, error: '' })
  const text = out.replace(/\s+/g, ' ')
  for (const name of calls.flatMap((call) => optionsOf(call))) {
    const row = optionRows[name]!
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const flag = row.default === true ? `--no-${kebab}` : `--${kebab}`
    if (row.apiOnly) expect(text).not.toContain(`${flag} `)
    else expect(text).toContain(`${flag} `)
    if (!row.apiOnly && row.type.kind !== 'boolean') expect(text).toContain(`(default: ${row.default ?? row.otherwise})`)
  }
  if (command === 'features') for (const pool of poolNames) expect(text).toContain(` ${pool} `)
})

test('--help and --version', async () => {
  const help = await vitrine(['--help'])
  expect(help.code).toBe(0)
  for (const [command] of commands) expect(help.out).toContain(`${command} `)
  expect(help.out).toMatch(/Exit codes: 0 .*1 .*2 .*3 /)
  const version = await vitrine(['--version'])
  expect(version).toEqual({ code: 0, out: `${require(`${root}/package.json`).version}\n`, error: '' })
})

const photo = `${photosFolder}/chelsea.jpg`
const wrong: [string, string[], string][] = [
  ['no command', [], 'Usage'],
  ['an unknown command', ['featurs'], 'features'],
  ['an unknown flag', ['features', photo, '--pooling', 'cls'], '--pool'],
  ['no images', ['features'], 'images'],
  ['an unknown pool', ['features', photo, '--pool', 'cls,max'], "'cls+mean'"],
  ['a number that is none', ['features', photo, '--threads', 'two'], 'two'],
  ['a number out of range', ['features', photo, '--threads', '0'], 'threads'],
  ['an unknown format', ['features', photo, '--format', 'csv'], 'safetensors'],
  ['a format that needs a file', ['features', photo, '--format', 'npy'], '--output'],
  ['npy of several', ['features', photo, '--format', 'npy', '--pool', 'cls,mean', '--output', '/tmp/never.npy'], 'safetensors'],
  ['a size that the patch does not divide', ['features', photo, '--image-size', '225'], '224 and 238'],
  ['a layer that is not there', ['features', photo, '--layers', '13'], 'layers'],
  ['a folder without images', ['features', `${root}/lib/cli`], 'lib/cli'],
  ['a glob that matches nothing', ['features', `${photosFolder}/*.tga`], '*.tga'],
  ['a head that is not there', ['attention', photo, '--head', '6'], '--head'],
  ['classes without a classifier', ['classify', photo], 'classifier'],
  ['a preprocessing that is no JSON', ['info', '--preprocess', '{crop'], 'JSON'],
]
test.each(wrong)('exit code 2: %s', async (_, args, said) => {
  const { code, out, error } = await vitrine(args)
  expect({ code, out }, error).toEqual({ code: 2, out: '' })
  expect(error).toContain(said)
  expect(error).not.toContain('    at ')
})

test.each([
  ['nowhere', 'ERR_CHECKPOINT_NOT_FOUND'],
  [photo, 'ERR_CHECKPOINT'],
])('exit code 3: --model %s', async (model, said) => {
  const { code, out, error } = await vitrine(['features', photo, '--model', model])
  expect({ code, out }, error).toEqual({ code: 3, out: '' })
  expect(error).toContain(said)
  expect(error).not.toContain('    at ')
})

test('exit code 3: a device that is not there', async () => {
  const { code, error } = await vitrine(['info', '--device', 'cuda'])
  expect(code).toBe(3)
  expect(error).toContain('ERR_DEVICE_UNAVAILABLE')
})
