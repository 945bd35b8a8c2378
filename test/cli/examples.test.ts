// Every file of examples/ runs, and says what it is there to say; so does `npm start`'s script.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { root, temporaryFolder } from './support'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const run = async (script: string) => (await promisify(execFile)(process.execPath, [script], { cwd: folder.path })).stdout

const said: Record<string, RegExp> = {
  'attention.mjs': /head 0 of 6, 16×16 patches/,
  'cancel.mjs': /the visitor went away\nERR_TIMEOUT/,
  'collect.mjs': /ERR_IMAGE_UNSUPPORTED image 1 .*\n0 fine .*\n1 ERR_IMAGE_UNSUPPORTED NaN\n2 fine/,
  'common.cjs': /\[ 1, 384 \]/,
  'features.mjs': /float32 \[ 2, 384 \] Float32Array\(4\)/,
  'pools.mjs': /tokens: \[ 1, 257, 384 \]/,
  'similarity.mjs': /brick\.jpg +1\.00/,
  'stream.mjs': /0 SOURCES\.md ERR_IMAGE_UNSUPPORTED\n1 astronaut\.jpg \[ 1, 384 \]/,
  'tracing.mjs': /features of 3: decode [\d.]+ ms, queue [\d.]+ ms, forward [\d.]+ ms/,
}
const scripts = readdirSync(join(root, 'examples')).filter((name) => /\.[mc]js$/.test(name))

test('every example has its words here', () => {
  expect(Object.keys(said).sort()).toEqual(scripts.sort())
})
test.each(scripts)('%s', async (name) => {
  expect(await run(join(root, 'examples', name))).toMatch(said[name]!)
})

test('npm start', async () => {
  const out = await run(join(root, 'scripts', 'start.mjs'))
  for (const name of ['astronaut.jpg', 'rocket.jpg']) expect(out).toMatch(new RegExp(`${name} +\\[384\\] +-?\\d`))
  expect(out).toContain('features [9, 384] float32')
  expect(out).toMatch(/9 heatmaps: .*out\/attention\/\*\.png/)
  expect(existsSync(join(root, 'out', 'attention', 'chelsea.png'))).toBe(true)
})
