// The images of one call through decode and engine, a bounded number at a time. Before it: model.ts; after it: encode.ts.
// Each lane takes the next image when the model's gate has room, so decoding overlaps the forward passes of earlier images. The first ones
// begin at once, before runBatch returns.
import type { Cancellation } from './cancel'
import { VitrineError } from './errors'
import type { Gate } from './gate'

/** What the work on one image is told: whether to stop. */
export interface Step {
  readonly cancelled: boolean
  /** Calls `listener` when the image is no longer wanted; the result takes it back. */
  onCancel(listener: () => void): () => void
}

export interface BatchOptions {
  count: number
  gate: Gate
  cancellation: Cancellation
  /** Keep the others when an image is bad. */
  collect: boolean
}

/** Errors of a single image; anything else ends the call. */
export function isImageError(error: unknown): error is VitrineError {
  return error instanceof VitrineError && error.code.startsWith('ERR_IMAGE_')
}

/**
 * Runs `work` for rows 0…count-1. Without `collect`, rejects with the error of the lowest bad row; rows above it are cancelled, rows below
 * it are waited for, so that the answer does not depend on timing. Returns the errors by row.
 */
export async function runBatch(options: BatchOptions, work: (row: number, step: Step) => Promise<void>): Promise<(VitrineError | null)[]> {
  const { count, gate, cancellation, collect } = options
  const errors: (VitrineError | null)[] = new Array(count).fill(null)
  const running = new Map<number, Set<() => void>>()
  let next = 0
  let bad: { row: number; error: unknown } | undefined

  const unwanted = (row: number) => cancellation.done || (bad !== undefined && row > bad.row)
  const cancelUnwanted = () => {
    for (const [row, listeners] of running) if (unwanted(row)) for (const listener of listeners) listener()
  }
  const failed = (row: number, error: unknown) => {
    if (unwanted(row)) return
    if (collect && isImageError(error)) {
      errors[row] = error
      return
    }
    bad = { row, error }
    cancelUnwanted()
  }
  const lane = async () => {
    while (next < count && !unwanted(next)) {
      const row = next++
      const room = gate.enter()
      if (room) await room
      try {
        if (unwanted(row)) return
        const listeners = new Set<() => void>()
        running.set(row, listeners)
        const step: Step = {
          get cancelled() {
            return unwanted(row)
          },
          onCancel(listener) {
            listeners.add(listener)
            return () => listeners.delete(listener)
          },
        }
        await work(row, step).catch((error) => failed(row, error))
      } finally {
        running.delete(row)
        gate.leave()
      }
    }
  }

  const stop = cancellation.onCancel(cancelUnwanted)
  await Promise.all(Array.from({ length: Math.min(count, gate.limit) }, lane))
  stop()
  cancellation.throwIfCancelled()
  if (bad) throw bad.error
  return errors
}
