// Checkpoints with goldens: those in test/fixtures, and with VITRINE_FIXTURES=<folder> those of that folder too.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { decode, type Entries } from './safetensors'

export const root = join(__dirname, '..', '..')
export const ownFixtures = join(root, 'test', 'fixtures')

export interface Golden {
  name: string
  prefix_tokens?: number
  note?: string
  /** The checkpoint is this file of the folder, not the folder. */
  source?: string
  tolerance?: number
  /** load() must reject, with this text in its message elsewhere than in a path. */
  refuse?: boolean
  error_names?: string
}
export interface Fixture {
  name: string
  folder: string
  /** What load() is given. */
  source: string
  golden: Golden
  /** golden.safetensors; empty where the checkpoint is to be refused. */
  tensors(): Entries
}

/** Every fixture with a golden.json, by name; VITRINE_FIXTURES wins where both have one. */
export function fixtures(): Fixture[] {
  const found = new Map<string, Fixture>()
  for (const parent of [ownFixtures, process.env.VITRINE_FIXTURES]) {
    if (!parent) continue
    for (const name of readdirSync(parent)) {
      const folder = join(parent, name)
      const description = join(folder, 'golden.json')
      if (!existsSync(description)) continue
      const golden = JSON.parse(readFileSync(description, 'utf8')) as Golden
      const tensors = join(folder, 'golden.safetensors')
      found.set(name, {
        name,
        folder,
        golden,
        source: golden.source ? join(folder, golden.source) : folder,
        tensors: () => (existsSync(tensors) ? decode(tensors) : {}),
      })
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** One of test/fixtures, which is there on every clone. */
export const fixture = (name: string): string => join(ownFixtures, name)

/** A folder of these files for the length of a test file. */
export function temporaryFolder(files: Record<string, string | Uint8Array> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'vitrine-'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  folders.push(folder)
  return folder
}
const folders: string[] = []
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

export const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
