// A bar on a terminal: images done, rate, time left. On a pipe nothing but the complaints. Before it: the command's file.
import { SingleBar } from 'cli-progress'

export interface Progress {
  /** One more image is done. */
  tick(): void
  /** A line for people on standard error, above the bar. */
  complain(text: string): void
  end(): void
}

/** `stream` gets the bar where it is a terminal and `shown` is true. */
export function startProgress(total: number, shown: boolean, stream: NodeJS.WriteStream = process.stderr): Progress {
  let failed = 0
  let done = 0
  if (!shown || !stream.isTTY) {
    return { tick() {}, complain: (text) => void stream.write(`vitrine: ${text}\n`), end() {} }
  }
  const start = performance.now()
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} | {rate} images/s | {left} left{failures}',
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
    fps: 5,
  })
  const payload = () => {
    const seconds = (performance.now() - start) / 1000
    const rate = done / seconds
    return {
      rate: done === 0 ? '–' : rate.toFixed(1),
      left: done === 0 ? '–' : duration((total - done) / rate),
      failures: failed === 0 ? '' : `, ${failed} failed`,
    }
  }
  bar.start(total, 0, payload())
  return {
    tick() {
      done++
      bar.update(done, payload())
    },
    complain(text) {
      failed++
      // The bar makes room and comes back below.
      bar.stop()
      stream.write(`vitrine: ${text}\n`)
      bar.start(total, done, payload())
    },
    end() {
      bar.stop()
      const { rate, failures } = payload()
      stream.write(`${done} of ${total} images in ${duration((performance.now() - start) / 1000)}, ${rate} images/s${failures}\n`)
    },
  }
}

/** A bar over megabytes, where standard error is a terminal; gone when it ends. */
export function startBytes(stream: NodeJS.WriteStream = process.stderr): { update(done: number, total: number): void; end(): void } {
  if (!stream.isTTY) return { update() {}, end() {} }
  const look = { barsize: 30, barCompleteChar: '█', barIncompleteChar: '░', hideCursor: true, clearOnComplete: true, fps: 5 }
  const bar = new SingleBar({ stream, format: '{bar} {value}/{total} MB', ...look })
  const mega = (bytes: number) => Math.round(bytes / 1e6)
  let started = false
  return {
    update(done, total) {
      if (!started) bar.start(mega(total), 0)
      started = true
      bar.update(mega(done))
    },
    end: () => bar.stop(),
  }
}

/** 4s, 3m 20s, 2h 05m. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const two = (n: number) => String(n).padStart(2, '0')
  return whole < 3600
    ? `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
    : `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
}
