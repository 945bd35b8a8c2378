// Shared by the long tests: where things are, children, and a random ViT-B/16 on disk.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeViT } from '../support/vit'

export const root = join(__dirname, '..', '..')
export const photos = join(root, 'examples', 'photos')
export const child = (name: string) => join(__dirname, 'children', name)

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-long-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  error: string
}

/** Runs a script of children/ to its end. */
export function runChild(name: string, args: string[] = [], nodeArgs: string[] = [], env: NodeJS.ProcessEnv = {}): Outcome {
  const done = spawnSync(process.execPath, [...nodeArgs, child(name), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
    timeout: 3600_000,
  })
  return { code: done.status, signal: done.signal, out: done.stdout, error: done.stderr }
}

/** A torchvision-named ViT-B/16 with seeded weights: 344 MB in float32. */
export const writeViTB16 = (folder: string): string => writeViT(folder, { dim: 768, layers: 12 })
