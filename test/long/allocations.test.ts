// 1,000 images of ViT-Ti in each dtype: no call of malloc, new or mmap from the addon. The short form: test/process/allocations.test.ts.
import { test } from 'vitest'
import { expectNoAllocations, reason } from '../support/allocations'
import { temporaryFolder } from './support'

test.skipIf(reason)(`no allocation per image${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const folder = temporaryFolder()
  try {
    expectNoAllocations(folder.path, { dim: 192, layers: 12 }, 1000, 3600_000)
  } finally {
    folder.remove()
  }
})
