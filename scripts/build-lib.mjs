// lib/ → dist/: CommonJS by tsc, and an ESM entry that re-exports it, so that both kinds of import share one instance.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const require = createRequire(import.meta.url)
rmSync(join(root, 'dist'), { recursive: true, force: true })
const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

const names = Object.keys(require(join(root, 'dist', 'index.js')))
writeFileSync(join(root, 'dist', 'index.mjs'), `import vitrine from './index.js'\nexport const { ${names.join(', ')} } = vitrine\n`)
writeFileSync(join(root, 'dist', 'index.d.mts'), "export * from './index.js'\n")
const cli = join(root, 'dist', 'cli', 'main.js')
if (existsSync(cli)) chmodSync(cli, 0o755)
