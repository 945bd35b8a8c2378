// What load() was given, as a path; without a source, where the default checkpoint lies. Before it: model.ts; after it:
// checkpoint/open.ts.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VitrineError } from './errors'

const name = '@vitrine/model-default'

/** The folder in a clone, else the package; ERR_MODEL_NOT_INSTALLED says which package to add. */
export function defaultCheckpoint(): string {
  const clone = join(__dirname, '..', 'models', 'default')
  if (existsSync(join(clone, 'config.json'))) return clone
  try {
    // Under pnpm the package is the application's, not ours: look there too. The engine cannot read inside an Electron archive.
    const found = createRequire(__filename).resolve(`${name}/package.json`, { paths: [__dirname, process.cwd()] })
    return dirname(found).replace(`app.asar${sep}`, `app.asar.unpacked${sep}`)
  } catch (cause) {
    throw new VitrineError(
      'ERR_MODEL_NOT_INSTALLED',
      `load() without a source opens the default checkpoint, which is not installed: add it with "npm install ${name}", or name a checkpoint folder or file`,
      { cause },
    )
  }
}

/** A folder or file, from a path or a file: URL; undefined is the default checkpoint. */
export function locate(source: unknown): string {
  if (source === undefined) return defaultCheckpoint()
  if (typeof source === 'string' && source !== '') return source
  if (source instanceof URL && source.protocol === 'file:') return fileURLToPath(source)
  const found = source instanceof URL ? source.href : source === '' ? "''" : source === null ? 'null' : typeof source
  throw new VitrineError(
    'ERR_OPTION_INVALID',
    `load(): the source must be a path or a file: URL of a checkpoint folder or file, found ${found}`,
  )
}
