// Child processes of the tests: a script runs to its end, and how it ended is the result.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './fixtures'

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  error: string
}

/** Where the children find the addon that the tests use. */
export const addon = process.env.VITRINE_ADDON ?? join(root, 'build', 'Release', 'vitrine.node')

export function runChild(
  script: string,
  args: string[] = [],
  options: { node?: string[]; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Outcome {
  const done = spawnSync(process.execPath, [...(options.node ?? []), script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, VITRINE_ADDON: addon, ...options.env },
    timeout: options.timeout ?? 100_000,
    maxBuffer: 1 << 26,
  })
  return { code: done.status, signal: done.signal, out: done.stdout, error: done.stderr }
}
