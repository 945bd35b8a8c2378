// A folder or a file → weights, config and family. Before it: model.ts; after it: choose.ts, safetensors.ts or onnx.ts, sidecars.ts, families/,
// then device.ts.
import { basename, dirname, resolve } from 'node:path'
import { VitrineError } from '../errors'
import type { CheckpointSource, FamilyModel, Size } from '../families/family'
import { familyOf } from '../families/index'
import { half, squash } from '../families/pipelines'
import { checkPipeline, type Pipeline } from '../image/pipeline'
import { readPreprocessor } from '../image/preprocessor'
import type { PoolSource } from '../pooling'
import type { EncoderSpec } from '../spec'
import { type Chosen, chooseFile, locate } from './choose'
import type { JsonObject } from './json'
import { type OnnxFile, openOnnx } from './onnx'
import { readSafetensors } from './safetensors'
import { type Shape, shapeOf } from './shape'
import { readShards } from './shards'
import { readDeclared, readSidecars, type Sidecars } from './sidecars'
import { TensorSource } from './tensors'

export interface OpenOptions {
  file?: string | undefined
  heads?: number | undefined
  preprocess?: Partial<Pipeline> | undefined
}

/** What every call asks of a checkpoint, whichever kind it is. */
export interface Checkpoint extends PoolSource {
  family: string
  /** The weight file that was chosen; of shards, their index. */
  file: string
  /** Values in all tensors that the model computes with. */
  parameters: number
  shape: Shape
  imageSize: Size
  /** Names of the classes, by index of the logits. */
  labels?: string[]
  /** From `preprocess`, else the checkpoint's files, else the family's default. */
  pipeline: Pipeline
  /** Options of load() in vitrine.json, other than heads, file and preprocess: for load() to check, behind the caller's own. */
  declared: JsonObject
  /** What messages call them. */
  declaredName: string
}

/** Weights that a family gave roles. */
export interface SpecCheckpoint extends Checkpoint, Omit<FamilyModel, 'spec' | 'pipeline'> {
  kind: 'spec'
  spec: EncoderSpec
}

/** Opens a checkpoint folder or weight file; design: "Which file of a folder". Reads headers and configs only. */
export async function openAny(source: string, options: OpenOptions): Promise<SpecCheckpoint | OnnxFile> {
  const place = await locate(source)
  const vitrine = await readDeclared(place.folder)
  const { preprocess: declaredPreprocess, ...declared } = vitrine.declared
  const chosen = await chooseFile(place, options.file ?? (place.file === undefined ? vitrine.file : undefined))
  const sidecars = await readBeside(place.folder, chosen)

  const pipelineFrom = (base: Pipeline | undefined, otherwise: Pipeline): Pipeline => {
    const { preprocessor } = sidecars
    const fromFile = preprocessor ? readPreprocessor(preprocessor.config, preprocessor.name, base) : otherwise
    const fromVitrine = declaredPreprocess === undefined ? fromFile : declaredPipeline(declaredPreprocess, fromFile, vitrine.declaredName)
    return options.preprocess === undefined ? fromVitrine : checkPipeline(options.preprocess, fromVitrine)
  }
  const { declaredName } = vitrine
  if (chosen.kind === 'onnx') {
    if (options.heads !== undefined) {
      throw new VitrineError('ERR_OPTION_INVALID', `option 'heads' is for weights; ${chosen.file} is an ONNX graph, which has its own`)
    }
    return openOnnx(chosen.file, sidecars, (image) => {
      const unknown = `no preprocessor_config.json lies beside ${chosen.file}${inOnnxFolder(chosen) ? ' or one folder up' : ''}`
      return { pipeline: pipelineFrom(undefined, { ...squash(image, 'bilinear', half), unsupported: unknown }), declared, declaredName }
    })
  }

  const { files, tensors, stamps } = await readHeaders(chosen.file, chosen.kind)
  const weights: CheckpointSource = {
    name: chosen.file,
    config: sidecars.config,
    configName: sidecars.configName,
    tensors: new TensorSource(tensors, files, chosen.file),
    heads: options.heads,
    declaredHeads: vitrine.heads,
    declaredName,
  }
  const family = familyOf(weights)
  const { spec, pipeline: familyDefault, ...model } = family.read(weights)
  weights.tensors.finish(family.name)
  const pipeline = pipelineFrom(familyDefault, familyDefault)
  return {
    ...model,
    kind: 'spec',
    family: family.name,
    file: chosen.file,
    parameters: weights.tensors.values(),
    shape: shapeOf(spec),
    spec: {
      ...spec,
      files: files.map((file) => resolve(file)),
      stamps,
      mean: pipeline.mean,
      std: pipeline.std,
      rescale: pipeline.rescaleFactor,
    },
    pipeline,
    declared,
    declaredName,
  }
}

/** As openAny, for who needs the weights by role: an ONNX graph is ERR_CHECKPOINT_UNSUPPORTED. */
export async function openCheckpoint(source: string, options: OpenOptions): Promise<SpecCheckpoint> {
  const opened = await openAny(source, options)
  if (opened.kind === 'spec') return opened
  throw new VitrineError('ERR_CHECKPOINT_UNSUPPORTED', `${opened.file} is an ONNX graph: expected weights in safetensors`)
}

/** The hub keeps graphs in a folder of that name, and their configs one folder up. */
const inOnnxFolder = ({ file, kind }: Chosen) => kind === 'onnx' && basename(dirname(resolve(file))) === 'onnx'

async function readBeside(folder: string, chosen: Chosen): Promise<Pick<Sidecars, 'config' | 'configName' | 'preprocessor'>> {
  if (chosen.kind !== 'onnx') return readSidecars(folder)
  const own = await readSidecars(dirname(chosen.file))
  if (!inOnnxFolder(chosen)) return own
  const above = await readSidecars(dirname(dirname(resolve(chosen.file))))
  const config = own.config ? own : above
  return { config: config.config, configName: config.configName, preprocessor: own.preprocessor ?? above.preprocessor }
}

async function readHeaders(file: string, kind: 'safetensors' | 'shards') {
  if (kind === 'shards') return readShards(file)
  const { tensors, stamp } = await readSafetensors(file, 0)
  return { files: [file], tensors, stamps: [stamp] }
}

/** `preprocess` of vitrine.json, with the file's name in what it is refused with. */
function declaredPipeline(value: unknown, base: Pipeline, file: string): Pipeline {
  try {
    return checkPipeline(value, base)
  } catch (cause) {
    throw cause instanceof VitrineError ? new VitrineError(cause.code, `${file}: ${cause.message}`, { cause }) : cause
  }
}
