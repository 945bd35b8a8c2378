// Looking at files without believing in them: what is there, and what it was when its header was read. Before it: open.ts; after it:
// safetensors.ts and json.ts.
import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { VitrineError } from '../errors'

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
