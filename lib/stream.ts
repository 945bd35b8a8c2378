// Items in, results out, in order, at most `limit` of them begun and not yet handed over. Before it: model.ts; after it: batch.ts.
// Items are pulled only while the consumer asks for more, so a slow consumer stops the producer.
import { Cancellation } from './cancel'
import { VitrineError } from './errors'

export type Source<T> = AsyncIterable<T> | Iterable<T>

/** Ends early with `signal.reason`; when the consumer returns early, running work is cancelled and the source is closed. */
export async function* inOrder<T, R>(
  source: Source<T>,
  limit: number,
  signal: AbortSignal | undefined,
  work: (item: T, index: number, cancellation: Cancellation) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const cancellation = new Cancellation({ signal }, 'stream()')
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const begun: { result: Promise<R>; settled: boolean }[] = []
  let count = 0
  let pulling = false
  let ended: { error?: unknown } | undefined
  // Not Promise.race over a promise that lives as long as the stream: that would keep one reaction per image.
  let wake = () => {}
  cancellation.onCancel(() => wake())

  const begin = (item: T) => {
    const entry = { result: work(item, count++, cancellation), settled: false }
    const settle = () => {
      entry.settled = true
      wake()
    }
    entry.result.then(settle, settle)
    begun.push(entry)
  }
  const pull = async () => {
    pulling = true
    try {
      const next = await iterator.next()
      if (next.done) ended = {}
      else if (!cancellation.done) begin(await next.value)
    } catch (error) {
      ended = { error }
    }
    pulling = false
    wake()
  }

  try {
    for (;;) {
      cancellation.throwIfCancelled()
      if (!ended && !pulling && begun.length < limit) void pull()
      const first = begun[0]
      if (first?.settled) {
        begun.shift()
        if (!ended && !pulling) void pull()
        yield await first.result
      } else if (first || pulling) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else if (ended) {
        break
      }
    }
    if (ended && 'error' in ended) throw ended.error
  } finally {
    const open = ended === undefined
    cancellation.cancel(new VitrineError('ERR_ABORTED', 'the stream was ended by its consumer'))
    cancellation.dispose()
    if (open) {
      // A source that still waits for its own next item would keep us here: it is told, not awaited.
      const closed = Promise.resolve(iterator.return?.()).catch(() => {})
      if (!pulling) await closed
    }
  }
}
