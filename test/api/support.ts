// Shared by the tests of the API: where things are, and what a rejected call says.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type ErrorCode, VitrineError } from '../../lib/index'

export const root = join(__dirname, '..', '..')
export const photo = (name: string) => join(root, 'examples', 'photos', name)
export const photos = ['astronaut', 'brick', 'chelsea', 'coffee', 'grass', 'gravel', 'hubble_deep_field', 'retina', 'rocket'].map((name) =>
  photo(`${name}.jpg`),
)
export const photoBytes = (name: string): Buffer => readFileSync(photo(name))

/** The VitrineError of a call that must reject, its code and what its message must contain. */
export async function expectCode(call: Promise<unknown> | (() => unknown), code: ErrorCode, ...said: string[]): Promise<VitrineError> {
  const error = await (typeof call === 'function' ? (async () => call())() : call).then(
    (value) => {
      throw new Error(`expected ${code}, but the call gave ${String(value)}`)
    },
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VitrineError)
  expect((error as VitrineError).code, (error as VitrineError).message).toBe(code)
  for (const text of said) expect((error as VitrineError).message).toContain(text)
  return error as VitrineError
}

/** Seeded pixel values [B, 3, side, side]. */
export function pixelValues(batch: number, side: number, seed = 1) {
  const data = Float32Array.from({ length: batch * 3 * side * side }, (_, i) => Math.sin(i * 0.37 + seed * 11.3) * 2)
  return { type: 'float32', dims: [batch, 3, side, side], data } as const
}

export const sameBits = (a: Float32Array, b: Float32Array) =>
  Buffer.compare(Buffer.from(a.buffer, a.byteOffset, a.byteLength), Buffer.from(b.buffer, b.byteOffset, b.byteLength)) === 0

export const tick = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `condition` holds; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
