// A checkpoint as a hub's cache has it: every file a link out of its folder, into one of blobs with names that say nothing.
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { temporaryFolder } from './fixtures'

/** Files of a fixture that a user would have: without its goldens, of which one is a .safetensors. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('golden.'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))

/** A copy of the folder. */
export function asDownloaded(folder: string): string {
  const root = temporaryFolder()
  for (const name of filesOf(folder)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    copyFileSync(join(folder, name), join(root, name))
  }
  return root
}

/** The snapshot's folder, with the same names as `folder` has. */
export function asHubCache(folder: string): string {
  const root = temporaryFolder()
  const snapshot = join(root, 'snapshots', '0123abcd')
  mkdirSync(join(root, 'blobs'))
  for (const name of filesOf(folder)) {
    const blob = join(root, 'blobs', createHash('sha256').update(name).digest('hex'))
    copyFileSync(join(folder, name), blob)
    const link = join(snapshot, name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(relative(dirname(link), blob), link)
  }
  return snapshot
}
