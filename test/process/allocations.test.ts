// Calls of malloc, new and mmap from the addon over 1,000 images after a warm-up: none, per image or per call. Counted by a library that this
// test compiles and preloads; that it can count, the warm-up shows. ViT-Ti itself: test/long/allocations.test.ts.
import { test } from 'vitest'
import { expectNoAllocations, reason } from '../support/allocations'
import { temporaryFolder } from '../support/fixtures'

test.skipIf(reason)(`no allocation per image${reason ? ` (skipped: ${reason})` : ''}`, () => {
  expectNoAllocations(temporaryFolder(), { dim: 64, layers: 2 }, 334, 100_000)
})
