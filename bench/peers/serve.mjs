// The child's side of a peer: one process per peer, so that thread pools and allocators do not meet. Reads one JSON request per line on
// stdin and answers one JSON line on stdout. All measuring is done here, by the same code for every peer; a peer only opens a model and
// turns pixel values or JPEG bytes into CLS vectors. Before it: child.mjs (the parent's side); after it: the peer's own file.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * `open(folder, threads)` → { pixels({ dims, data }), jpeg(buffers), versions, isa? }; both give a Float32Array [B · D] of CLS vectors,
 * `jpeg` is absent where the peer has no preprocessing of its own.
 */
export function serve(open) {
  let model
  let batches

  const run = async (input, batch) => model[input](batches[input](batch))

  const requests = {
    async open({ folder, threads, pixels, dims, photos }) {
      const [, channels, height, width] = dims
      const data = new Float32Array(new Uint8Array(readFileSync(pixels)).buffer)
      const jpegs = photos.map((path) => readFileSync(path))
      batches = {
        pixels: (batch) => ({ dims: [batch, channels, height, width], data: data.subarray(0, batch * channels * height * width) }),
        jpeg: (batch) => jpegs.slice(0, batch),
      }
      const start = performance.now()
      model = await open(folder, threads)
      const opened = performance.now()
      await run('pixels', 1)
      const first = performance.now()
      return {
        versions: model.versions,
        isa: model.isa ?? null,
        inputs: Object.keys(batches).filter((input) => model[input]),
        loadMs: opened - start,
        firstMs: first - opened,
        rss: process.memoryUsage().rss,
      }
    },

    /** The vectors themselves, for the comparison before timing. */
    async vectors({ input, batch }) {
      const values = await run(input, batch)
      return { values: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64') }
    },

    /** One untimed call (other processes have had the caches since), then calls until both `calls` and `ms` are reached. */
    async time({ input, batch, calls, ms }) {
      await run(input, batch)
      const times = []
      for (let total = 0; times.length < calls || total < ms; ) {
        const start = performance.now()
        await run(input, batch)
        const taken = performance.now() - start
        total += taken
        times.push(taken / batch)
      }
      return { times }
    },

    /** Delay of the event loop, idle and then with one call after another, in milliseconds. */
    async delay({ input, batch, ms }) {
      const observe = async (work) => {
        const histogram = monitorEventLoopDelay({ resolution: 1 })
        histogram.enable()
        await sleep(20) // the first tick is not counted
        await work()
        await sleep(20) // a call that blocked the loop is seen at the next tick
        histogram.disable()
        return { p99: histogram.percentile(99) / 1e6, longest: histogram.max / 1e6 }
      }
      await run(input, batch)
      await sleep(100)
      const idle = await observe(() => sleep(1000))
      const load = await observe(async () => {
        const start = performance.now()
        for (let calls = 0; calls < 5 || performance.now() - start < ms; calls++) await run(input, batch)
      })
      return { idle, load }
    },

    async usage() {
      const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
      return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakRss: maxRSS * 1024 }
    },
  }

  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const { id, request, ...parameters } = JSON.parse(line)
      try {
        process.stdout.write(`${JSON.stringify({ id, answer: await requests[request](parameters) })}\n`)
      } catch (error) {
        process.stdout.write(`${JSON.stringify({ id, error: error?.stack ?? String(error) })}\n`)
      }
    })
    .on('close', () => process.exit(0))
}

/** Row 0 of every image's tokens [B, T, D]. */
export function clsRows({ data, dims: [batch, tokens, dim] }) {
  const rows = new Float32Array(batch * dim)
  for (let i = 0; i < batch; i++) rows.set(data.subarray(i * tokens * dim, i * tokens * dim + dim), i * dim)
  return rows
}
