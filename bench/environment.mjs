// The machine, how much of it somebody else used while we measured, and waiting for them.
import { readFileSync } from 'node:fs'
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

/** What report/targets.mjs calls the CPU: by family and model, which os.cpus() leaves out; null where it has no name there. */
export function microarchitecture(cpuinfo) {
  const field = (name) => cpuinfo.match(new RegExp(`^${name}\\s*: (.*)$`, 'm'))?.[1]
  const [vendor, family, model] = [field('vendor_id'), Number(field('cpu family')), Number(field('model'))]
  if (vendor === 'GenuineIntel') {
    if (family !== 6) return null
    if ([106, 108, 125, 126].includes(model)) return 'Ice Lake'
    return [143, 207].includes(model) ? 'Sapphire Rapids' : null // 207 is Emerald Rapids, of the same cores
  }
  if (vendor !== 'AuthenticAMD') return null
  const within = (from, to) => model >= from && model <= to
  if (family === 25) return within(0x10, 0x1f) || within(0x60, 0x7f) || within(0xa0, 0xaf) ? 'Zen 4' : 'Zen 3'
  return family === 26 ? 'Zen 5' : null
}

function cpuinfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}

export function environment() {
  return {
    microarchitecture: microarchitecture(cpuinfo()),
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
