// clang-format over native/ and the C++ of test/: rewrites, or with --check fails and names the files that differ.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const files = ['native', 'test', 'bench']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, String(name))))
  .filter((name) => /\.(cc|h|inl)$/.test(name) && !name.endsWith('isa_list.h') && !name.includes('node_modules'))
const script = createRequire(import.meta.url).resolve('clang-format/index.js')
const args = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i']
process.exit(spawnSync(process.execPath, [script, ...args, ...files], { stdio: 'inherit' }).status ?? 1)
