// Runs dist/cli/main.js as a user would.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const root = join(__dirname, '..', '..')
export const main = join(root, 'dist', 'cli', 'main.js')
export const photosFolder = join(root, 'examples', 'photos')
if (!existsSync(main)) throw new Error('dist/ is missing: run "npm run build:lib" before these tests')

export interface Outcome {
  code: number | null
  out: string
  error: string
}

export function vitrine(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      ...options,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const outcome: Outcome = { code: null, out: '', error: '' }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      outcome.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      outcome.error += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...outcome, code }))
  })
}

export const lines = <T>(outcome: Outcome): T[] =>
  outcome.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-cli-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
