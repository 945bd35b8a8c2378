// The suite runs once as a user gets it, and its numeric part again on every weaker instruction set that this machine has.
// The tests do not know which project they are in.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import type { NativeAddon } from './lib/native.js'

function weakerIsas(): string[] {
  const addon = createRequire(import.meta.url)(
    process.env.VITRINE_ADDON ?? join(dirname(fileURLToPath(import.meta.url)), 'build', 'Release', 'vitrine.node'),
  ) as NativeAddon
  const runtime = addon.runtime()
  return runtime.isas.filter((isa) => isa.supported && isa.name !== runtime.isa && isa.name !== 'reference').map((isa) => isa.name)
}

const numeric = ['test/parity/**/*.test.ts', 'test/engine/**/*.test.ts', 'test/image/crops.test.ts']
const exclude = ['test/long/**', '**/node_modules/**']
// No test writes into the user's cache folder; those of the packed cache name their own.
const env = { VITRINE_PACKED_CACHE: 'off' }
const shared = { pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, exclude, name: 'default', include: ['test/**/*.test.ts'], env } },
      ...(process.env.VITRINE_ISA ? [] : weakerIsas()).map((isa) => ({
        test: { ...shared, exclude, name: isa, include: numeric, env: { ...env, VITRINE_ISA: isa } },
      })),
    ],
  },
})
