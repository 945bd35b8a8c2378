// The published package, installed without scripts and without a compiler, loads and computes from ESM and from CommonJS.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { photos, root, temporaryFolder } from './support'

const folder = temporaryFolder()
const key = `${process.platform}-${process.arch}`
const platform = join(root, 'build-prebuild', 'packages', key)
const pack = (from: string) => {
  const out = execFileSync('npm', ['pack', '--json', '--pack-destination', folder.path], {
    cwd: from,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(out.slice(out.indexOf('['))) as [{ filename: string; files: { path: string }[]; unpackedSize: number }]
}

let files: string[] = []
beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts', 'prebuild.mjs')], { stdio: 'inherit' })
  const [main] = pack(root)
  pack(platform)
  pack(join(root, 'models', 'default'))
  files = main.files.map((file) => file.path)
})

test('holds no build description and no install script', () => {
  expect(files).toContain('dist/index.js')
  expect(files).toContain('dist/index.mjs')
  expect(files.filter((path) => /binding\.gyp|CMakeLists|\.cc$|\.node$|^test|^native/.test(path))).toEqual([])
})

test('the addon is at most 5 MB and asks for no glibc newer than 2.28', () => {
  const addon = join(platform, 'vitrine.node')
  const size = statSync(addon).size
  console.log('addon bytes', size)
  expect(size).toBeLessThanOrEqual(5e6)
  if (process.platform !== 'linux') return
  const symbols = execFileSync('objdump', ['-T', addon], { encoding: 'utf8' })
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map((match) => Number(match[1]) * 1000 + Number(match[2]))
  console.log('newest glibc symbol', Math.max(...versions))
  expect(versions.length).toBeGreaterThan(0)
  expect(Math.max(...versions)).toBeLessThanOrEqual(2028)
  const exported = symbols.split('\n').filter((line) => / g /.test(line))
  expect(exported.map((line) => line.trim().split(/\s+/).at(-1)).sort()).toEqual([
    'napi_register_module_v1',
    'node_api_module_get_api_version_v1',
  ])
})

test('installs without scripts or compiler and computes from ESM and CommonJS', () => {
  const user = join(folder.path, 'user')
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true }\n')
  // A PATH with Node, npm and a shell, and nothing that compiles.
  const bin = join(folder.path, 'bin')
  mkdirSync(bin)
  const where = (tool: string) => execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim()
  for (const tool of ['node', 'npm', 'sh', 'env']) symlinkSync(where(tool), join(bin, tool))
  const env = { ...process.env, PATH: bin, NODE_PATH: '', VITRINE_ADDON: '' }
  const tarballs = readdirSync(folder.path).filter((name) => name.endsWith('.tgz'))
  expect(tarballs).toHaveLength(3)
  const install = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs.map((name) => join(folder.path, name))],
    { cwd: user, env, encoding: 'utf8' },
  )
  expect(install.status, install.stderr).toBe(0)

  const body = `
    const model = await load()
    const features = await model.features(${JSON.stringify(join(photos, 'chelsea.jpg'))})
    console.log(JSON.stringify({ dims: features.dims, first: features.data[0] }))
    await model.close()`
  writeFileSync(join(user, 'esm.mjs'), `import { load } from 'vitrine'\n${body}\n`)
  writeFileSync(join(user, 'cjs.cjs'), `const { load } = require('vitrine')\n;(async () => {${body}\n})()\n`)
  const outputs = ['esm.mjs', 'cjs.cjs'].map((script) => {
    const done = spawnSync('node', [script], { cwd: user, env, encoding: 'utf8' })
    expect(done.status, done.stderr).toBe(0)
    return done.stdout
  })
  console.log('installed package prints', outputs[0])
  expect(JSON.parse(outputs[0]!).dims).toEqual([1, 384])
  expect(outputs[1]).toBe(outputs[0])

  const cli = spawnSync('npx', ['--no-install', 'vitrine', 'info'], { cwd: user, env: process.env, encoding: 'utf8' })
  expect(cli.status, cli.stderr).toBe(0)
  folder.remove()
})
