// ONNX Runtime, found and opened for one provider. Before it: device.ts; after it: library.ts, then native.ts, which opens it. A library is
// opened when it is first asked for and never closed.
import { VitrineError } from '../errors'
import { fromNative, native, type OnnxLibrary } from '../native'
import { cudaAdvice, installCuda } from './cuda'
import { type Host, thisHost } from './host'
import { type Place, searchLibraries } from './library'
import { deviceNames, findProvider, providerName } from './providers'

const opened = new Map<string, Promise<OnnxLibrary>>()

/** The library at a path, opened once; a failure is not kept. */
export function openLibrary(path: string): Promise<OnnxLibrary> {
  const known = opened.get(path)
  if (known) return known
  const opening = (async () => {
    try {
      return await native().openOnnxLibrary(path).promise
    } catch (error) {
      opened.delete(path)
      throw fromNative(error)
    }
  })()
  opened.set(path, opening)
  return opening
}

/** Candidates for a provider, in order: first those whose provider library lies beside them. */
export function candidatesFor(provider: string, places: Place[]): (Place & { path: string })[] {
  const there = places.filter((place): place is Place & { path: string } => place.path !== undefined)
  return [...there.filter((place) => place.providers.includes(provider)), ...there.filter((place) => !place.providers.includes(provider))]
}

/**
 * The first library that has the provider, and the provider's own name. `what` begins the message: "device 'cuda'". Rejects with
 * ERR_DEVICE_UNAVAILABLE, which says where was looked, what was found, and what to install.
 */
export async function openRuntime(
  provider: string,
  what: string,
  host: Host = thisHost(),
): Promise<{ library: OnnxLibrary; provider: string }> {
  const places = searchLibraries(host)
  const candidates = candidatesFor(provider, places)
  const failed: string[] = []
  let cause: unknown
  for (const { from, path, providers } of candidates) {
    try {
      const library = await openLibrary(path)
      const found = findProvider(library.providers, provider)
      if (found !== undefined) return { library, provider: found }
      failed.push(
        `ONNX Runtime ${library.version} (${path}) has ${deviceNames(library.providers, providers).join(', ')} and not ${providerName(provider)}`,
      )
    } catch (error) {
      if (!(error instanceof VitrineError)) throw error
      failed.push(from === 'VITRINE_ORT_LIB' ? `VITRINE_ORT_LIB: ${error.message}` : error.message)
      cause = error
    }
  }
  const looked = places.filter(({ path }) => path === undefined)
  if (candidates.length === 0) {
    const where = looked.map(({ from, looked: at, why }) => `${from} (${at}: ${why})`).join(', ')
    failed.push(`no ONNX Runtime was found: looked for ${where}`)
  }
  const advice = provider === 'cuda' || provider === 'tensorrt' ? gpuAdvice(candidates, host) : candidates.length ? '' : install
  throw new VitrineError('ERR_DEVICE_UNAVAILABLE', `${what}: ${[...failed, advice].filter(Boolean).join('. ')}`, { cause })
}

/** `vitrine doctor` prints the whole search. */
const install = 'Install it with "npm install onnxruntime-node" or "pip install onnxruntime", or say with VITRINE_ORT_LIB where it is'

function gpuAdvice(candidates: (Place & { path: string })[], host: Host): string {
  const [best] = candidates
  if (!best) return `${installCuda[0]!.toUpperCase()}${installCuda.slice(1)}, or say with VITRINE_ORT_LIB where it is`
  return cudaAdvice(best.path, host)
}
