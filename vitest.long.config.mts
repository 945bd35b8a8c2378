// Sanitizers, soaks and packaging: what takes minutes each. One file at a time, since several of them measure memory or delay.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 3 * 3600_000,
    hookTimeout: 3600_000,
    env: { VITRINE_PACKED_CACHE: 'off' }, // as in vitest.config.mts
  },
})
