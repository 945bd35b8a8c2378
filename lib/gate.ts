// How many images of a model are decoded or waiting at most: a first-come, first-served semaphore. Before it: model.ts; after it:
// batch.ts. One gate per model, so that a thousand calls at once hold no more pictures in memory than one.

export class Gate {
  #free: number
  #waiting: (() => void)[] = []

  constructor(readonly limit: number) {
    this.#free = limit
  }

  /** Undefined where there is room now; else resolves when there is. */
  enter(): Promise<void> | undefined {
    if (this.#free === 0) return new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#free--
    return undefined
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
