// How many images of a model are decoded or waiting at most: a first-come, first-served semaphore. Before it: model.ts; after it:
// batch.ts. One gate per model, so that a thousand calls at once hold no more pictures in memory than one.

export class Gate {
  #free: number
  #waiting: (() => void)[] = []

  constructor(readonly limit: number) {
    this.#free = limit
  }

  /** Resolves when there is room. */
  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
