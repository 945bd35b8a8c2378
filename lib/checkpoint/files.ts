// Looking at files without believing in them: what is there, and whether it is still the same later. Before it: open.ts; after it:
// safetensors.ts and json.ts.
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { VitrineError } from '../errors'

/** What a file was when its header was read; anything else later is another file. */
export interface FileStamp {
  path: string
  device: bigint
  inode: bigint
  size: bigint
  modified: bigint
}

export function stampOf(path: string, stats: BigIntStats): FileStamp {
  return { path, device: stats.dev, inode: stats.ino, size: stats.size, modified: stats.mtimeNs }
}

/** ERR_CHECKPOINT_NOT_FOUND with what the operating system said. `what` opens the sentence: "weight file". */
export function unreadable(what: string, path: string, cause: unknown): VitrineError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? String(cause)
  const said = code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' || code === 'EPERM' ? `no permission to read it (${code})` : code
  return new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `${what} ${path} cannot be read: ${said}`, { cause })
}

/** `stat` that gives undefined where nothing is, and throws for what cannot be looked at. Follows links. */
export async function look(path: string, what: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true })
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unreadable(what, path, cause)
  }
}

/** ERR_CHECKPOINT_CHANGED where one of the files is not what it was: for the end of a load, when the engine has read them. */
export async function assertUnchanged(stamps: readonly FileStamp[]): Promise<void> {
  for (const before of stamps) {
    const stats = await look(before.path, 'weight file')
    const after = stats && stampOf(before.path, stats)
    const same =
      after &&
      after.device === before.device &&
      after.inode === before.inode &&
      after.size === before.size &&
      after.modified === before.modified
    if (same) continue
    const found = after ? `it was ${before.size} bytes and is ${after.size}, or was written again` : 'it is gone'
    throw new VitrineError('ERR_CHECKPOINT_CHANGED', `${before.path} changed while it was being read: ${found}`)
  }
}
