// The shipped binary of this platform and its package: prebuildify → node-gyp → binding.gyp → CMake, with zig as compiler on Linux, so
// that the oldest glibc we promise (2.28) can load it. Everything happens in build-prebuild/, a checkout of links, since node-gyp empties
// the folder `build` it works in. Result: build-prebuild/packages/<platform>/ (package.json, vitrine.node), ready for `npm pack`.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ZIGLANG = '0.17.1'
const GLIBC = '2.28'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
const staging = join(root, 'build-prebuild')
const source = join(staging, 'source')
const musl = process.argv.includes('--musl')
const key = `${process.platform}-${process.arch}${musl ? '-musl' : ''}`

function run(command, args, options = {}) {
  const child = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (child.status !== 0) throw new Error(`${command} ${args.join(' ')} failed with ${child.status ?? child.error?.message}`)
}

/** zig as a command: VITRINE_ZIG, else PyPI's ziglang in a virtual environment of our own. */
function zig() {
  if (process.env.VITRINE_ZIG) return process.env.VITRINE_ZIG.split(' ')
  const venv = join(staging, 'zig')
  if (!existsSync(join(venv, 'bin', 'python'))) run('python3', ['-m', 'venv', venv])
  run(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', `ziglang==${ZIGLANG}`])
  return [join(venv, 'bin', 'python'), '-m', 'ziglang']
}

/** node-gyp asks for a folder with Node's headers and its build settings; the Node-API headers are all we use, and CMake has the settings. */
function headers() {
  const folder = join(staging, 'headers')
  const include = join(folder, 'include', 'node')
  cpSync(require('node-api-headers').include_dir, include, { recursive: true })
  writeFileSync(join(include, 'common.gypi'), '{}\n')
  return folder
}

for (const part of ['source', 'headers', 'packages', 'bin']) rmSync(join(staging, part), { recursive: true, force: true })
mkdirSync(source, { recursive: true })
for (const name of ['native', 'cmake', 'CMakeLists.txt', 'binding.gyp', 'scripts', 'package.json', 'node_modules'])
  symlinkSync(join(root, name), join(source, name))

const env = { ...process.env, npm_config_nodedir: headers(), VITRINE_CMAKE: '-DVITRINE_TESTS=OFF' }
if (process.platform === 'linux') {
  const command = zig()
  const bin = join(staging, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const tool of ['ar', 'ranlib']) {
    writeFileSync(join(bin, tool), `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} ${tool} "$@"\n`)
    chmodSync(join(bin, tool), 0o755)
  }
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  Object.assign(env, {
    VITRINE_ZIG: command.join(';'),
    VITRINE_TARGET: `${machine}-linux-${musl ? 'musl' : `gnu.${GLIBC}`}`,
    VITRINE_AR: join(bin, 'ar'),
    VITRINE_RANLIB: join(bin, 'ranlib'),
    VITRINE_CMAKE: `${env.VITRINE_CMAKE} -DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'zig.cmake')}`,
  })
}
const nodeGyp = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node-gyp.cmd' : 'node-gyp')
run(
  process.execPath,
  [
    require.resolve('prebuildify/bin.js'),
    '--napi',
    '--strip',
    `--target=${process.versions.node}`,
    `--node-gyp=${nodeGyp}`,
    `--name=vitrine`,
  ],
  { cwd: source, env },
)

const built = join(source, 'prebuilds', `${process.platform}-${process.arch}`)
const binary = join(
  built,
  readdirSync(built).find((name) => name.endsWith('.node')),
)
const folder = join(staging, 'packages', key)
mkdirSync(folder, { recursive: true })
copyFileSync(binary, join(folder, 'vitrine.node'))
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
const { version, license, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const manifest = {
  name: `@vitrine/${key}`,
  version,
  description: `The native engine of vitrine for ${key}`,
  license,
  engines,
  main: 'vitrine.node',
  files: ['vitrine.node'],
  os: [process.platform],
  cpu: [process.arch],
  ...(process.platform === 'linux' ? { libc: [musl ? 'musl' : 'glibc'] } : {}),
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
writeFileSync(
  join(folder, 'README.md'),
  `# @vitrine/${key}\n\nThe native engine of [vitrine](https://www.npmjs.com/package/vitrine) for ${key}. Installed by it; not for direct use.\n`,
)
process.stdout.write(`${manifest.name}: ${(statSync(join(folder, 'vitrine.node')).size / 1e6).toFixed(2)} MB in ${folder}\n`)
