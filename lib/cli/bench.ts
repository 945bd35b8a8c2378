// vitrine bench: how fast a checkpoint runs here, on made-up pixel values; with --profile, where the time goes. Text on a terminal, one
// JSON object on a pipe. Before it: main.ts; after it: native/engine/profile.h, which counts.
import type { Model } from '../index'
import { type NativeDType, type NativeStage, native } from '../native'
import { checkOption } from '../options-check'
import { CommandError, type ExitCode, exitCodes } from './exit'
import type { Flags } from './flags'
import { openText } from './output'
import { openModel } from './run'

export interface StageReport {
  name: string
  /** Thread milliseconds per image: of all threads together. */
  milliseconds: number
  /** Of all thread time while calls ran; the rest is `waiting`. */
  share: number
  /** 10⁹ multiplications and additions per second and thread; absent where a stage has no products. */
  gops?: number
  /** `gops` over the peak of the numbers that the stage multiplies, measured in this run. Parts that int8 leaves in bf16 lower it. */
  ofPeak?: number
}
export interface BenchReport {
  model: string
  device: string
  dtype: string
  isa: string
  threads: number
  batch: number
  calls: number
  /** Of one call, per image. */
  milliseconds: { least: number; median: number }
  imagesPerSecond: number
  stages?: StageReport[]
  /** 10⁹ operations per second and thread of products in L1, by what is multiplied. */
  peak?: Record<NativeDType, number>
}

export const benchFlags = {
  batch: { kind: 'integer', min: 1, max: 1024 },
  seconds: { kind: 'number', min: 0, max: 3600 },
} as const

export async function bench(flags: Flags): Promise<ExitCode> {
  const [batch, seconds] = (['batch', 'seconds'] as const).map((name) =>
    Number(checkOption('vitrine bench', `--${name}`, benchFlags[name], flags[name])),
  ) as [number, number]
  const model = await openModel(flags)
  try {
    if (flags.profile && model.info.device !== 'cpu') {
      throw new CommandError(exitCodes.usage, `--profile shows the stages of vitrine's own engine, device cpu; found ${model.info.device}`)
    }
    const report = await measure(model, batch, seconds, flags.profile === true)
    const output = await openText(undefined)
    await output.write(process.stdout.isTTY && !flags.json ? asText(report) : `${JSON.stringify(report)}\n`)
  } finally {
    await model.close()
  }
  return exitCodes.ok
}

/** Calls for at least `seconds`, at least three, after two that are not counted. */
export async function measure(model: Model, batch: number, seconds: number, profile: boolean): Promise<BenchReport> {
  const { info } = model
  const { height, width } = info.imageSize
  const data = new Float32Array(batch * 3 * height * width)
  for (let i = 0, state = 1; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    data[i] = state / 2 ** 31 - 1
  }
  const input = { type: 'float32' as const, dims: [batch, 3, height, width] as const, data }
  for (let i = 0; i < 2; i++) await model.features(input)
  if (profile) native().profile(true)
  const times: number[] = []
  const begun = performance.now()
  while (times.length < 3 || performance.now() - begun < seconds * 1000) {
    const start = performance.now()
    await model.features(input)
    times.push((performance.now() - start) / batch)
  }
  const total = performance.now() - begun
  const stages = profile ? native().profile(false) : []
  const peak = profile ? native().peak() : undefined
  const images = times.length * batch
  times.sort((a, b) => a - b)
  return {
    model: info.file,
    device: info.device,
    dtype: info.dtype,
    isa: info.isa,
    threads: info.threads,
    batch,
    calls: times.length,
    milliseconds: { least: times[0]!, median: times[times.length >> 1]! },
    imagesPerSecond: (images / total) * 1000,
    ...(peak ? { stages: report(stages, images, total * info.threads, (name) => peak[multiplied(name, info.dtype)]), peak } : {}),
  }
}

/** Attention and patches are never int8, and bf16 where the CPU multiplies it; poolers and classifiers are fp32. */
function multiplied(stage: string, dtype: string): NativeDType {
  if (stage === 'output' || (dtype !== 'bf16' && dtype !== 'int8')) return 'fp32'
  if (stage !== 'attention' && stage !== 'patches') return dtype
  return native().runtime().bf16 ? 'bf16' : 'fp32'
}

function report(stages: NativeStage[], images: number, threadMilliseconds: number, peakOf: (stage: string) => number): StageReport[] {
  const rows: StageReport[] = stages
    .filter(({ milliseconds }) => milliseconds > 0)
    .map(({ name, milliseconds, operations }) => ({
      name,
      milliseconds: milliseconds / images,
      share: milliseconds / threadMilliseconds,
      ...(operations > 0 ? speed(operations / milliseconds / 1e6, peakOf(name)) : {}),
    }))
  const waiting = threadMilliseconds - stages.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  rows.push({ name: 'waiting', milliseconds: waiting / images, share: waiting / threadMilliseconds })
  return rows
}

const speed = (gops: number, peak: number) => ({ gops, ofPeak: gops / peak })

export function asText({ model, device, dtype, isa, threads, batch, calls, milliseconds, imagesPerSecond, stages }: BenchReport): string {
  const { least, median } = milliseconds
  const lines = [
    `${model}: ${dtype} on ${device} (${isa}, ${threads} threads), batch ${batch}, ${calls} calls`,
    `ms per image  ${least.toFixed(2)} least, ${median.toFixed(2)} median; ${imagesPerSecond.toFixed(1)} images per second`,
  ]
  if (stages) lines.push('', 'stage       thread ms   share  GOP/s a thread, of its peak')
  for (const { name, milliseconds, share, gops, ofPeak } of stages ?? []) {
    const columns = [name.padEnd(11), milliseconds.toFixed(3).padStart(10), `${(share * 100).toFixed(1)} %`.padStart(8)]
    lines.push(
      `${columns.join('')}${gops === undefined || ofPeak === undefined ? '' : `${gops.toFixed(0).padStart(9)} ${`${(ofPeak * 100).toFixed(0)} %`.padStart(8)}`}`,
    )
  }
  return `${lines.join('\n')}\n`
}
