// The parent's side of a peer: starts the child, sends it one request at a time, and fails loudly with what it said when it dies.
// Before it: ../run.mjs; after it: serve.mjs in the child.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export class Peer {
  #child
  #waiting = new Map()
  #next = 0
  #said = ''
  #gone

  constructor(name, threads) {
    this.name = name
    const file = fileURLToPath(new URL(`${name.replace('.js', 'js')}.mjs`, import.meta.url))
    this.#child = spawn(process.execPath, [file], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // sharp's own pool: as many threads as everything else may use.
      env: { ...process.env, VIPS_CONCURRENCY: String(threads) },
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
