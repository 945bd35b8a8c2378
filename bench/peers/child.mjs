// The parent's side of a peer: starts the child, sends it one request at a time, and fails loudly with what it said when it dies.
// Before it: ../run.mjs and list.mjs; after it: serve.mjs or serve.py in the child.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileOf } from './list.mjs'

export class Peer {
  #child
  #waiting = new Map()
  #next = 0
  #said = ''
  #gone

  /** `peer` as list.mjs has it, with the `interpreter` of those in Python; `cache` is where compilers may keep what they made. */
  constructor({ name, precision, peak, file, args, env, interpreter }, threads, cache) {
    Object.assign(this, { name, precision, peak })
    this.#child = spawn(interpreter ?? process.execPath, [fileOf(file), ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // Pools that are sized when a library starts, sharp's among them: as many threads as everything else may use.
        VIPS_CONCURRENCY: String(threads),
        OMP_NUM_THREADS: String(threads),
        MKL_NUM_THREADS: String(threads),
        TORCHINDUCTOR_CACHE_DIR: join(cache, 'inductor'),
        PYTHONDONTWRITEBYTECODE: '1',
        ...env,
      },
    })
    this.#child.stderr.on('data', (text) => {
      this.#said = (this.#said + text).slice(-4000)
    })
    this.#child.stdin.on('error', () => {}) // the exit says more
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answer(line))
    this.#gone = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        const error = new Error(`${name} ended (${signal ?? `exit code ${code}`})\n${this.#said}`)
        for (const { reject } of this.#waiting.values()) reject(error)
        this.#waiting.clear()
        resolve()
      })
    })
  }

  ask(request, parameters = {}) {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`${this.name} has ended\n${this.#said}`))
        return
      }
      const id = this.#next++
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ id, request, ...parameters })}\n`)
    })
  }

  async close() {
    this.#child.stdin.end()
    await this.#gone
  }

  #answer(line) {
    let message
    try {
      message = JSON.parse(line)
    } catch {
      this.#said += `${line}\n` // a library that prints
      return
    }
    const { id, answer, error } = message
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error) waiting?.reject(new Error(`${this.name}: ${error}`))
    else waiting?.resolve(answer)
  }
}
