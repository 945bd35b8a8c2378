// The files that a folder with an ONNX file has beside it, for load() and for transformers.js: config.json and preprocessor_config.json,
// where the folder has none. Before it: export.ts; after it: the disk.
import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { look } from '../checkpoint/files'
import { isObject, type JsonObject, readObject } from '../checkpoint/json'
import { VitrineError } from '../errors'
import type { Size } from '../families/family'
import type { Pipeline } from '../image/pipeline'
import { readPreprocessor } from '../image/preprocessor'

const processors = ['processor_config.json', 'preprocessor_config.json']
/** Pillow's numbers of its filters. */
const filters: Pipeline['resample'][] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

/** Where they belong: beside the model, or one folder up where that folder is called onnx, as on the hub. */
export function companionFolder(path: string): string {
  const folder = dirname(path)
  return basename(folder) === 'onnx' ? dirname(folder) : folder
}

/** Writes what is missing; gives the paths of what it wrote. `size` where it is not the checkpoint's own. */
export async function writeCompanions(from: string, to: string, pipeline: Pipeline, size: Size | undefined): Promise<string[]> {
  const written: string[] = []
  const write = async (name: string, content: string | Uint8Array) => {
    const path = join(to, name)
    try {
      await writeFile(path, content, { flag: 'wx' })
      written.push(path)
    } catch (cause) {
      throw new VitrineError('ERR_FILE_WRITE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
    }
  }
  const missing = async (name: string) => !(await look(join(to, name), 'file'))

  if (await missing('config.json')) {
    const config = await readObject(join(from, 'config.json'))
    if (config && size) await write('config.json', json(resizedConfig(config, size)))
    else if (config) await write('config.json', await readFile(join(from, 'config.json')))
  }
  if ((await missing(processors[0]!)) && (await missing(processors[1]!)) && (await missing('vitrine.json'))) {
    for (const name of processors) {
      const given = await readObject(join(from, name))
      const config = name === 'processor_config.json' ? given?.image_processor : given
      if (!given || !isObject(config)) continue
      if (isDeepStrictEqual(readPreprocessor(config, name, pipeline), pipeline)) await write(name, await readFile(join(from, name)))
      break
    }
    if (!written.some((path) => processors.includes(basename(path)))) {
      const config = preprocessorConfig(pipeline)
      if (config) await write('preprocessor_config.json', json(config))
      else await write('vitrine.json', json({ preprocess: pipeline }))
    }
  }
  return written
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** `image_size` of the config, or of the part of it that is about images. */
function resizedConfig(config: JsonObject, { height, width }: Size): JsonObject {
  const side = height === width ? height : [height, width]
  const vision = config.vision_config
  if (isObject(vision)) return { ...config, vision_config: { ...vision, image_size: side } }
  return { ...config, image_size: side }
}

/** As transformers would save it; undefined where its processors cannot say it. */
export function preprocessorConfig(pipeline: Pipeline): JsonObject | undefined {
  const { resize, crop } = pipeline
  const byEdge = resize !== null && 'shortestEdge' in resize
  const size = byEdge
    ? { shortest_edge: resize.shortestEdge }
    : resize && 'width' in resize
      ? { height: resize.height, width: resize.width }
      : undefined
  const config: JsonObject = {
    image_processor_type: byEdge ? 'CLIPImageProcessor' : crop ? 'DeiTImageProcessor' : 'ViTImageProcessor',
    do_resize: resize !== null,
    ...(size && { size }),
    resample: filters.indexOf(pipeline.resample),
    do_center_crop: crop !== null,
    ...(crop && { crop_size: { height: crop.height, width: crop.width } }),
    do_rescale: true,
    rescale_factor: pipeline.rescaleFactor,
    do_normalize: true,
    image_mean: pipeline.mean,
    image_std: pipeline.std,
  }
  return isDeepStrictEqual(readPreprocessor(config, 'preprocessor_config.json'), pipeline) ? config : undefined
}
