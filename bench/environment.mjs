// The machine, how much of it somebody else used while we measured, and waiting for them.
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const busySeconds = () => os.cpus().reduce((sum, { times }) => sum + (times.user + times.nice + times.sys + times.irq) / 1000, 0)

/** Starts watching; the function returned gives the share of all CPU time that was spent by others than `ownSeconds`. */
export function watchOthers() {
  const [busy, clock, own] = [busySeconds(), performance.now(), process.cpuUsage()]
  return (ownSeconds) => {
    const parent = process.cpuUsage(own)
    const others = busySeconds() - busy - ownSeconds - (parent.user + parent.system) / 1e6
    return Math.max(0, others / (((performance.now() - clock) / 1000) * os.cpus().length))
  }
}

/** → a function that resolves when the CPUs are idle (a fifth of a second at most a tenth busy), or when `seconds` of waiting in all are spent. */
export function quietGate(seconds) {
  let left = seconds * 1000
  return async () => {
    while (left > 0) {
      const [busy, clock] = [busySeconds(), performance.now()]
      await sleep(200)
      const taken = performance.now() - clock
      if (busySeconds() - busy < 0.1 * (taken / 1000) * os.cpus().length) return
      left -= taken
    }
  }
}

export function environment() {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    load: os.loadavg(),
    date: new Date().toISOString(),
    isaForced: process.env.VITRINE_ISA ?? null,
  }
}
