// Text to standard output or to a file, at the reader's pace. Before it: the writers; after it: the terminal, the pipe or the disk.
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface TextOutput {
  /** Resolves when the reader has caught up. */
  write(text: string): Promise<void>
  end(): Promise<void>
  /** Leaves no half file behind. */
  discard(): Promise<void>
}

/** A reader that went away (`| head`) ends the command quietly: nobody is left to tell. */
export function quitOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

export async function openText(path: string | undefined): Promise<TextOutput> {
  if (path === undefined) return { write: writeToStdout, end: async () => {}, discard: async () => {} }
  const file = await openPart(path)
  return { write: (text) => file.handle.appendFile(text), end: () => file.finish(), discard: () => file.discard() }
}

async function writeToStdout(text: string): Promise<void> {
  if (!process.stdout.write(text)) await new Promise<void>((resolve) => process.stdout.once('drain', resolve))
}

export interface PartFile {
  handle: FileHandle
  /** Gives the file its name. */
  finish(): Promise<void>
  discard(): Promise<void>
}

/** A file that has its name only when it is whole. */
export async function openPart(path: string): Promise<PartFile> {
  const part = `${path}.part`
  await mkdir(dirname(path), { recursive: true })
  const handle = await open(part, 'w')
  return {
    handle,
    async finish() {
      await handle.close()
      await rename(part, path)
    },
    async discard() {
      await handle.close()
      await rm(part, { force: true })
    },
  }
}
