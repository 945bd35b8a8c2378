// What only a process of its own shows, on dist: where the default checkpoint is looked for, both module systems, calls that nobody awaits.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { photo, root } from './support'

const folder = mkdtempSync(join(tmpdir(), 'vitrine-child-'))
const installed = join(folder, 'installed', 'vitrine')
const addon = process.env.VITRINE_ADDON ?? join(root, 'build', 'Release', 'vitrine.node')
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(() => {
  // As an installation has it: dist beside package.json, no models/, its dependencies within reach.
  mkdirSync(installed, { recursive: true })
  for (const name of ['dist', 'package.json']) cpSync(join(root, name), join(installed, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'installed', 'node_modules'))
  mkdirSync(join(folder, 'empty'))
  const packages = join(folder, 'user', 'node_modules', '@vitrine')
  mkdirSync(packages, { recursive: true })
  symlinkSync(join(root, 'models', 'default'), join(packages, 'model-default'))
})

function run(body: string, { cwd = join(folder, 'empty'), module = false } = {}) {
  const script = join(cwd, module ? 'script.mjs' : 'script.cjs')
  writeFileSync(script, body)
  return spawnSync(process.execPath, [script], { cwd, encoding: 'utf8', env: { ...process.env, VITRINE_ADDON: addon } })
}
const opening = `const vitrine = require(${JSON.stringify(join(installed, 'dist', 'index.js'))});`

test('no default checkpoint: an error that says which package to add', () => {
  const { status, stdout } = run(`${opening} vitrine.load().catch((error) => console.log(error.code, error.message))`)
  expect(status).toBe(0)
  expect(stdout).toMatch(/^ERR_MODEL_NOT_INSTALLED .*npm install @vitrine\/model-default/)
})

test('the package of the application is found', () => {
  const body = `${opening} vitrine.load().then((model) => console.log(model.info.file))`
  const { status, stdout, stderr } = run(body, { cwd: join(folder, 'user') })
  expect(status, stderr).toBe(0)
  expect(stdout).toContain('model.safetensors')
})

test('import and require give one and the same module', () => {
  const body = `import { createRequire } from 'node:module'
import { errorCodes, load, VitrineError } from ${JSON.stringify(join(installed, 'dist', 'index.mjs'))}
const vitrine = createRequire(import.meta.url)(${JSON.stringify(join(installed, 'dist', 'index.js'))})
console.log(vitrine.load === load, vitrine.VitrineError === VitrineError, vitrine.errorCodes === errorCodes, Object.keys(vitrine).length)`
  const { stdout, stderr } = run(body, { module: true })
  expect(stdout, stderr).toBe('true true true 4\n')
})

test('a failure that nobody looks at is an unhandled rejection', () => {
  const body = `${opening} vitrine.load(${JSON.stringify(join(root, 'models', 'default'))}).then((model) => { model.features('nowhere.jpg') })`
  const { status, stderr } = run(body)
  expect(status).toBe(1)
  expect(stderr).toContain('ERR_IMAGE_NOT_FOUND')
})

test('a call that nobody awaits settles before the process ends; an open model does not keep it', () => {
  const body = `${opening} vitrine.load(${JSON.stringify(join(root, 'models', 'default'))}).then((model) => {
    model.features(${JSON.stringify(photo('chelsea.jpg'))}).then(({ dims }) => console.log('settled', dims.join('x')))
  })`
  const { status, stdout, stderr } = run(body)
  expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: 'settled 1x384\n' })
})

test('importing opens no addon and loads no sharp', () => {
  const body = `${opening} console.log(Object.keys(require.cache).filter((name) => name.endsWith('.node') || name.includes('sharp')).length)`
  expect(run(body).stdout).toBe('0\n')
})
