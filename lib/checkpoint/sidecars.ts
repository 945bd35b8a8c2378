// The files beside the weights: config.json, vitrine.json, preprocessor_config.json or processor_config.json. Before it: open.ts; after it:
// families/ (config) and image/preprocessor.ts.
import { join } from 'node:path'
import { VitrineError } from '../errors'
import { isObject, type JsonObject, readObject, shown } from './json'

export interface Sidecars {
  /** config.json, where there is one, and its path. */
  config: JsonObject | undefined
  configName: string
  /** vitrine.json without `heads` and `file`: other options of load(), still unchecked. */
  declared: JsonObject
  declaredName: string
  heads: number | undefined
  file: string | undefined
  preprocessor: { config: JsonObject; name: string } | undefined
}

/** vitrine.json of a folder, which may also say which weight file; read before that is chosen. */
export async function readDeclared(folder: string): Promise<Pick<Sidecars, 'declared' | 'declaredName' | 'heads' | 'file'>> {
  const declaredName = join(folder, 'vitrine.json')
  const { num_heads, heads = num_heads, file, ...declared } = (await readObject(declaredName)) ?? {}
  if (num_heads !== undefined && num_heads !== heads) {
    throw new VitrineError(
      'ERR_OPTION_INVALID',
      `${declaredName}: heads is ${shown(heads)} and num_heads is ${shown(num_heads)}: expected one of them`,
    )
  }
  if (heads !== undefined && !(Number.isSafeInteger(heads) && Number(heads) > 0)) {
    throw new VitrineError('ERR_OPTION_INVALID', `${declaredName}: heads must be a positive integer, found ${shown(heads)}`)
  }
  if (file !== undefined && typeof file !== 'string') {
    throw new VitrineError('ERR_OPTION_INVALID', `${declaredName}: file must be the name of a weight file, found ${shown(file)}`)
  }
  return { declared, declaredName, heads: heads as number | undefined, file }
}

/** Everything else, each undefined where it is not there. */
export async function readSidecars(folder: string): Promise<Pick<Sidecars, 'config' | 'configName' | 'preprocessor'>> {
  const configName = join(folder, 'config.json')
  return { config: await readObject(configName), configName, preprocessor: await readPreprocessorFile(folder) }
}

/** transformers 5 looks into processor_config.json first, and takes its nested `image_processor` alone. */
async function readPreprocessorFile(folder: string): Promise<Sidecars['preprocessor']> {
  const processor = join(folder, 'processor_config.json')
  const nested = (await readObject(processor))?.image_processor
  if (isObject(nested)) return { config: nested, name: processor }
  const name = join(folder, 'preprocessor_config.json')
  const config = await readObject(name)
  return config && { config, name }
}
