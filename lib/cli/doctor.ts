// vitrine doctor: where a model would run and why; where ONNX Runtime was looked for, what was found, and what a GPU lacks. Text on a
// terminal, one JSON object on a pipe. Before it: main.ts; after it: device.ts and the rooms of onnx/ that look at files.
import { gpuNote } from '../device'
import { faultsOf } from '../faults'
import { native } from '../native'
import { cudaAdvice, type Gpu, lookForCudaProvider, lookForGpu, type Needed } from '../onnx/cuda'
import { type Host, thisHost } from '../onnx/host'
import { type Place, searchLibraries } from '../onnx/library'
import { deviceNames } from '../onnx/providers'
import { candidatesFor, openLibrary } from '../onnx/runtime'
import { describe, type ExitCode, exitCodes } from './exit'
import type { Flags } from './flags'
import { openText } from './output'

export interface Diagnosis {
  /** vitrine's own engine; `faults`: instruction sets that failed their self-test here, and so are not used. */
  engine: { version: string; isa: string; threads: number; faults: string[] } | { error: string }
  /** Every place that was looked at, in the order in which a library is taken. */
  searched: (Place & { version?: string; devices?: string[]; error?: string; takenFor?: string[] })[]
  gpu: Gpu
  /** Of the first library with a CUDA provider beside it, else of the first. */
  cuda: { library: string; provider: string | undefined; builtFor: string | undefined; needs: Needed[] } | undefined
  /** What `device: 'auto'` would try first, and why it would not try a GPU. */
  auto: { device: string; why: string }
  /** What to do about what is missing; empty where nothing is. */
  advice: string
}

/** Exit code 0 where everything that is there can be used, 1 where something is there and broken or incomplete. */
export async function doctor(flags: Flags): Promise<ExitCode> {
  const diagnosis = await diagnose(thisHost())
  const output = await openText(undefined)
  await output.write(process.stdout.isTTY && !flags.json ? asText(diagnosis) : `${JSON.stringify(diagnosis)}\n`)
  return healthy(diagnosis) ? exitCodes.ok : exitCodes.failed
}

export async function diagnose(host: Host): Promise<Diagnosis> {
  const searched = await Promise.all(searchLibraries(host).map(opened))
  markTaken(searched)
  const there = searched.filter(({ path }) => path !== undefined)
  const library = (there.find(({ providers }) => providers.includes('cuda')) ?? there[0])?.path
  const gpu = lookForGpu(host)
  const provider = library === undefined ? undefined : lookForCudaProvider(library, host)
  const note = gpuNote(host)
  // On a machine without a card nobody misses CUDA.
  const wanted = gpu.devices.length > 0 || gpu.present || provider?.path !== undefined
  return {
    engine: engine(),
    searched,
    gpu,
    cuda:
      library === undefined || !provider ? undefined : { library, provider: provider.path, builtFor: provider.cuda, needs: provider.needs },
    auto: note
      ? { device: 'cpu', why: note.text ?? gpu.why }
      : { device: 'cuda', why: `${gpu.why}, and a CUDA provider; a run at load() proves it, or the CPU takes over` },
    advice: wanted ? cudaAdvice(library, host) : '',
  }
}

function engine(): Diagnosis['engine'] {
  try {
    const runtime = native().runtime()
    const { version, isa, threads } = runtime
    return { version, isa, threads, faults: faultsOf(runtime) }
  } catch (error) {
    return { error: describe(error) }
  }
}

/** With what the library says of itself, opened here as load() would open it. */
async function opened(place: Place): Promise<Diagnosis['searched'][number]> {
  if (place.path === undefined) return place
  try {
    const { version, providers } = await openLibrary(place.path)
    return { ...place, version, devices: deviceNames(providers, place.providers) }
  } catch (error) {
    return { ...place, error: describe(error) }
  }
}

/** Which library load() would take for which device: the first of its candidates that opens and has it. */
function markTaken(searched: Diagnosis['searched']): void {
  for (const [provider, device] of [
    ['cpu', 'ort-cpu'],
    ['cuda', 'cuda'],
  ] as const) {
    const paths = candidatesFor(provider, searched).map(({ path }) => path)
    const first = paths.map((path) => searched.find((place) => place.path === path)!).find(({ devices }) => devices?.includes(device))
    if (first) first.takenFor = [...(first.takenFor ?? []), device]
  }
}

/** An instruction set that computes wrongly, a library that cannot be opened, a card without a driver, or a CUDA provider whose libraries are missing. */
function healthy({ engine, searched, gpu, cuda }: Diagnosis): boolean {
  const named = searched.some(({ from, path }) => from === 'VITRINE_ORT_LIB' && path === undefined)
  const broken = 'error' in engine || engine.faults.length > 0 || named || searched.some(({ error }) => error !== undefined)
  const card = gpu.devices.length > 0 && (!gpu.present || cuda?.provider === undefined || cuda.needs.some(({ path }) => path === undefined))
  return !broken && !card
}

export function asText({ engine, searched, gpu, cuda, auto, advice }: Diagnosis): string {
  const lines = [
    'error' in engine
      ? `engine        ${engine.error}`
      : `engine        vitrine ${engine.version}, ${engine.isa}, ${engine.threads} threads`,
  ]
  if ('faults' in engine) lines.push(...engine.faults.map((fault) => `              ${fault}`))
  lines.push(`device auto   ${auto.device}: ${auto.why}`, '', 'ONNX Runtime, in the order in which it is taken')
  for (const { from, looked, path, why, version, devices, error, takenFor } of searched) {
    lines.push(`  ${path === undefined ? '–' : error === undefined ? '✓' : '✗'} ${from}: ${path ?? looked}`)
    if (path === undefined) lines.push(`      ${why}`)
    else if (error !== undefined) lines.push(`      ${error}`)
    else
      lines.push(
        `      ${version}, devices ${devices?.join(', ')}; ${why}; ${takenFor ? `taken for ${takenFor.join(', ')}` : 'not taken: another comes first'}`,
      )
  }
  lines.push('', `NVIDIA        ${gpu.why}`)
  if (gpu.driver.library) lines.push(`              driver library ${gpu.driver.library}`)
  if (cuda) {
    lines.push(`CUDA provider ${cuda.provider ?? `none beside ${cuda.library}`}${cuda.builtFor ? `, built for CUDA ${cuda.builtFor}` : ''}`)
    for (const { name, path, elsewhere, later } of cuda.needs) {
      const where = path ?? (elsewhere ? `${elsewhere}, where the loader does not look` : 'missing')
      lines.push(`  ${path ? '✓' : '✗'} ${name}: ${where}${later ? ' (opened on first use)' : ''}`)
    }
  }
  if (advice) lines.push('', advice)
  return `${lines.join('\n')}\n`
}
