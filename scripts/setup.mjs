// Makes a fresh clone ready: installs what package-lock.json says, builds the addon, compiles the TypeScript. Each step is skipped
// when nothing it reads has changed. Plain Node, no dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const newer = (a, b) => !existsSync(b) || statSync(a).mtimeMs > statSync(b).mtimeMs

function run(title, command, args) {
  process.stderr.write(`vitrine: ${title}\n`)
  const quiet = !process.env.CI && !process.env.VITRINE_VERBOSE
  const child = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: quiet ? 'pipe' : ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (child.status === 0) return
  if (quiet) process.stderr.write(`${child.stdout ?? ''}${child.stderr ?? ''}`)
  if (child.error) process.stderr.write(`${child.error.message}\n`)
  process.stderr.write(`vitrine: ${title} failed (${command} ${args.join(' ')})\n`)
  process.exit(child.status || 1)
}

function need(tool, why) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' }).status !== 0) {
    process.stderr.write(`vitrine: ${tool} is needed to ${why}, and is not on PATH\n`)
    process.exit(1)
  }
}

if (newer(join(root, 'package-lock.json'), join(root, 'node_modules', '.package-lock.json'))) {
  run('installing packages', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
}
need('cmake', 'build the addon (3.20 or newer, with a C++20 compiler)')
run('building the addon', 'npm', ['run', '--silent', 'build:native'])
run('compiling the library', 'npm', ['run', '--silent', 'build:lib'])
