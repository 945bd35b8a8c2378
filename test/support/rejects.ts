// What a refusal must look like: a VitrineError of this code whose message holds each of these texts.
import { expect } from 'vitest'
import { type ErrorCode, VitrineError } from '../../lib/errors'

export async function refusal(promise: Promise<unknown>): Promise<VitrineError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(outcome, 'expected a refusal').toBeInstanceOf(VitrineError)
  return outcome as VitrineError
}

export async function rejects(promise: Promise<unknown>, code: ErrorCode, ...texts: (string | RegExp)[]): Promise<VitrineError> {
  const error = await refusal(promise)
  expect(error.code, error.message).toBe(code)
  for (const text of texts) expect(error.message).toMatch(text)
  return error
}
