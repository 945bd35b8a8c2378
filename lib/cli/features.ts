// vitrine features: images → vectors, as JSON lines, .npy or .safetensors. Before it: main.ts; after it: model.stream, formats.ts.
import type { Model, PoolName, StreamOptions } from '../index'
import { checkOptions } from '../options-check'
import type { FeatureTensor } from '../tensor'
import { mergeSchedule, tokensLeft } from '../token-merging'
import { CommandError, type ExitCode, exitCodes } from './exit'
import { type Flags, optionsFor } from './flags'
import { type Column, formats } from './formats'
import { expandInputs } from './inputs'
import { startProgress } from './progress'
import { barShown, Failures, openModel } from './run'

export async function features(inputs: string[], flags: Flags): Promise<ExitCode> {
  const format = formats[flags.format as string]
  if (!format) throw new CommandError(exitCodes.usage, `--format must be ${Object.keys(formats).join(', ')}; found ${flags.format}`)
  // The size is given to load(), so that info.dims says what comes out.
  const { imageSize: _, ...options } = checkOptions('stream', optionsFor('stream', flags), 'vitrine features')
  const sources = await expandInputs(inputs)
  const model = await openModel(flags)
  const images = model.stream(sources, options)
  const columns = columnsOf(model, options)
  const writer = await format.open({ output: flags.output as string | undefined, sources, columns, model: model.info.file })
  const progress = startProgress(sources.length, barShown(flags))
  const failures = new Failures(progress)
  try {
    for await (const item of images) {
      const { index, error } = item
      const source = sources[index]!
      if (error) {
        failures.add(error)
        await writer.write({ index, source, error: { code: error.code, message: error.message } })
      } else {
        await writer.write({ index, source, tensors: flat(item.features) })
      }
      progress.tick()
    }
    await writer.end()
  } catch (error) {
    await writer.discard()
    throw error
  } finally {
    progress.end()
    await model.close()
  }
  return failures.exitCode
}

/** Names as pools have them; with layers `cls@4`. */
function columnsOf({ info }: Model, { pool = info.defaultPool, layers, tokenMerging }: StreamOptions): Column[] {
  const pools = (Array.isArray(pool) ? pool : [pool]) as PoolName[]
  const merging = mergeSchedule(
    { file: info.file, shape: { blocks: true, layers: info.layers, prefixRows: info.numPrefixTokens } },
    { tokenMerging },
  )
  const dims = (name: PoolName, layer: number) => {
    const [length, ...rest] = info.dims[name] ?? []
    if (length === undefined || name !== 'tokens' || !merging) return info.dims[name] ?? []
    return [tokensLeft(merging, length, info.numPrefixTokens!, layer < 0 ? layer + info.layers! + 1 : layer), ...rest]
  }
  if (!layers) return pools.map((name) => ({ name, dims: dims(name, -1) }))
  return layers.flatMap((layer) => pools.map((name) => ({ name: `${name}@${layer}`, dims: dims(name, layer) })))
}

type Nested = FeatureTensor | FeatureTensor[] | FeatureTensor[][]
const flat = (result: Nested): FeatureTensor[] => (Array.isArray(result) ? result.flat() : [result])
