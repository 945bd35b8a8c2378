// Counts the allocations of the addon over images (process/children/count-allocations.c, allocations.mjs): for the short test and the long one.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { addon, runChild } from './child'
import { root } from './fixtures'
import { writeViT } from './vit'

const children = join(root, 'test', 'process', 'children')
interface Counted {
  calls: number
  bytes: number
  /** Of the first calls: which function was called, and where in the addon from, innermost first. */
  from: string[]
}

/** Why the library cannot be made here; '' where it can. */
function whyNot(): string {
  if (process.platform !== 'linux') return 'only Linux preloads libraries as this test does'
  if (process.env.VITRINE_SANITIZED) return 'a sanitizer has an allocator of its own'
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  if (!header.glibcVersionRuntime) return 'this C library has no __libc_malloc'
  return spawnSync('cc', ['--version']).status === 0 ? '' : 'there is no C compiler'
}
export const reason = whyNot()

/** What addr2line makes of the offsets, where there is one. */
function named(from: string[]): string {
  return from
    .map((line) => {
      const [what, ...offsets] = line.split(' ')
      const lines = spawnSync('addr2line', ['-f', '-C', '-s', '-e', addon, ...offsets], { encoding: 'utf8' }).stdout ?? ''
      return `${what}\n${lines
        .split('\n')
        .filter((_, i) => i % 2 === 0)
        .map((name) => `    ${name}`)
        .join('\n')}`
    })
    .join('\n')
}

/** So many images of each dtype through a random ViT: something must have been allocated in the warm-up, and nothing after it. */
export function expectNoAllocations(folder: string, shape: { dim: number; layers: number }, imagesEach: number, timeout: number): void {
  const counter = join(folder, 'count-allocations.node')
  const include = (require('node-api-headers') as { include_dir: string }).include_dir
  const flags = ['-O2', '-shared', '-fPIC', `-I${include}`, join(children, 'count-allocations.c'), '-o', counter]
  const compiled = spawnSync('cc', flags, { encoding: 'utf8' })
  expect(compiled.status, compiled.stderr).toBe(0)

  const done = runChild(join(children, 'allocations.mjs'), [counter, writeViT(folder, shape), String(imagesEach)], {
    node: ['--expose-gc'],
    env: { LD_PRELOAD: counter },
    timeout,
  })
  expect(done.code, `${done.signal} ${done.error}`).toBe(0)
  const result = JSON.parse(done.out) as Record<string, { warmUp: Counted; images: number; measured: Counted }>
  expect(Object.keys(result)).toEqual(['fp32', 'bf16', 'int8'])
  for (const [dtype, { warmUp, images, measured }] of Object.entries(result)) {
    expect(warmUp.calls, `${dtype}, warm-up`).toBeGreaterThan(100)
    expect(images).toBeGreaterThanOrEqual(imagesEach)
    expect(measured.calls, `${dtype}, ${images} images:\n${named(measured.from)}`).toBe(0)
  }
}
