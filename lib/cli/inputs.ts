// Files, folders and globs → the list of images, in the order given; of a folder or glob, sorted by path. Before it: main.ts; after it:
// the command's file.
import { stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { CommandError, exitCodes } from './exit'

/** What is taken from a folder, by ending; a file named outright is taken whatever it is called. */
export const imageEndings = ['jpg', 'jpeg', 'jpe', 'jfif', 'png', 'webp', 'gif', 'avif', 'heif', 'heic', 'tif', 'tiff']

/** Names that do not exist stay in the list: they fail as images, and the others are done. */
export async function expandInputs(inputs: string[]): Promise<string[]> {
  const files: string[] = []
  for (const input of inputs) {
    const found = await expand(input)
    if (found.length === 0) throw new CommandError(exitCodes.usage, `no images found in ${input}`)
    for (const file of found) files.push(file)
  }
  return files
}

async function expand(input: string): Promise<string[]> {
  const known = await stat(input).catch(() => undefined)
  if (known?.isDirectory()) {
    const found = await glob(`**/*.{${imageEndings.join(',')}}`, { cwd: input, caseSensitiveMatch: false })
    return found.sort(byPath).map((path) => join(input, path))
  }
  if (known || !isDynamicPattern(input)) return [input]
  return (await glob(input.replaceAll('\\', '/'), { expandDirectories: false, absolute: isAbsolute(input) })).sort(byPath)
}

const byPath = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
