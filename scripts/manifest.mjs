// prepack / postpack: the published package.json is the repository's plus one optional dependency per platform, less everything that is
// for developers. The platform packages are not in the repository's own list, since a clone builds its binary and must install before
// they are published.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PLATFORMS = ['linux-x64', 'linux-arm64', 'linux-x64-musl', 'linux-arm64-musl', 'darwin-arm64', 'darwin-x64', 'win32-x64']
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const file = join(root, 'package.json')
const kept = join(root, 'package.json.kept')

if (process.argv[2] === 'published') {
  copyFileSync(file, kept)
  const { scripts: _scripts, devDependencies: _dev, gypfile: _gyp, binary: _binary, ...manifest } = JSON.parse(readFileSync(file, 'utf8'))
  manifest.optionalDependencies = Object.fromEntries(PLATFORMS.map((key) => [`@vitrine/${key}`, manifest.version]))
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
} else if (existsSync(kept)) {
  renameSync(kept, file)
}
