// One call's end before its time: the caller's AbortSignal, `timeoutMs`, or neither. Before it: model.ts; after it: batch.ts.
import { VitrineError } from './errors'

export class Cancellation {
  /** Rejects when the call is cancelled, with `signal.reason` or ERR_TIMEOUT; otherwise never settles. */
  readonly cancelled: Promise<never>
  #reject!: (reason: unknown) => void
  #listeners = new Set<() => void>()
  #state: { reason: unknown } | undefined
  #release: () => void

  constructor(options: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined }, call: string) {
    this.cancelled = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.cancelled.catch(() => {})
    const { signal, timeoutMs } = options
    const abort = () => this.cancel(signal!.reason)
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => this.cancel(new VitrineError('ERR_TIMEOUT', `${call}: not done after timeoutMs: ${timeoutMs}`)), timeoutMs)
    signal?.addEventListener('abort', abort, { once: true })
    this.#release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    if (signal?.aborted) abort()
  }

  get done(): boolean {
    return this.#state !== undefined
  }

  /** Calls `listener` once when the call is cancelled; the result takes it back. */
  onCancel(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The work's result, or the reason as soon as the call is cancelled; the work itself goes on. */
  unless<T>(work: Promise<T>): Promise<T> {
    // Not Promise.race with `cancelled`, which lives as long as a stream and would keep one reaction per image.
    return new Promise((resolve, reject) => {
      if (this.#state) reject(this.#state.reason)
      const keep = this.onCancel(() => reject(this.#state?.reason))
      work.finally(keep).then(resolve, reject)
    })
  }

  throwIfCancelled(): void {
    if (this.#state) throw this.#state.reason
  }

  /** To be called when the call has settled: the signal may live much longer. */
  dispose(): void {
    this.#release()
    this.#listeners.clear()
  }

  /** Cancels the call; only the first reason counts. */
  cancel(reason: unknown): void {
    if (this.#state) return
    this.#state = { reason }
    this.#release()
    for (const listener of this.#listeners) listener()
    this.#reject(reason)
  }
}
