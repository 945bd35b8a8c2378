// A folder or a file → weights, config and family. Before it: model.ts; after it: choose.ts, safetensors.ts, sidecars.ts, families/, then
// native.ts.
import { resolve } from 'node:path'
import { VitrineError } from '../errors'
import type { CheckpointSource, FamilyModel } from '../families/family'
import { familyOf } from '../families/index'
import { checkPipeline, type Pipeline } from '../image/pipeline'
import { readPreprocessor } from '../image/preprocessor'
import type { EncoderSpec } from '../spec'
import { type Chosen, chooseFile, locate } from './choose'
import type { JsonObject } from './json'
import { readSafetensors } from './safetensors'
import { readShards } from './shards'
import { readDeclared, readSidecars } from './sidecars'
import { TensorSource } from './tensors'

export interface OpenOptions {
  file?: string | undefined
  heads?: number | undefined
  preprocess?: Partial<Pipeline> | undefined
}

export interface Checkpoint extends Omit<FamilyModel, 'spec' | 'pipeline'> {
  family: string
  /** The weight file that was chosen; of shards, their index. */
  file: string
  /** Values in all tensors that the model computes with. */
  parameters: number
  spec: EncoderSpec
  /** From `preprocess`, else the checkpoint's files, else the family's default. */
  pipeline: Pipeline
  /** Options of load() in vitrine.json, other than heads, file and preprocess: for load() to check, behind the caller's own. */
  declared: JsonObject
  /** What messages call them. */
  declaredName: string
}

/** Opens a checkpoint folder or weight file; design: "Which file of a folder". Reads headers and configs only. */
export async function openCheckpoint(source: string, options: OpenOptions): Promise<Checkpoint> {
  const place = await locate(source)
  const vitrine = await readDeclared(place.folder)
  const { preprocess: declaredPreprocess, ...declared } = vitrine.declared
  const chosen = await chooseFile(place, options.file ?? (place.file === undefined ? vitrine.file : undefined))
  const sidecars = await readSidecars(place.folder)
  const { files, tensors, stamps } = await readHeaders(chosen)
  const weights: CheckpointSource = {
    name: chosen.file,
    config: sidecars.config,
    configName: sidecars.configName,
    tensors: new TensorSource(tensors, files, chosen.file),
    heads: options.heads,
    declaredHeads: vitrine.heads,
    declaredName: vitrine.declaredName,
  }
  const family = familyOf(weights)
  const { spec, pipeline: familyDefault, ...model } = family.read(weights)
  weights.tensors.finish(family.name)

  const { preprocessor } = sidecars
  const fromFile = preprocessor ? readPreprocessor(preprocessor.config, preprocessor.name, familyDefault) : familyDefault
  const fromVitrine = declaredPreprocess === undefined ? fromFile : declaredPipeline(declaredPreprocess, fromFile, vitrine.declaredName)
  const pipeline = options.preprocess === undefined ? fromVitrine : checkPipeline(options.preprocess, fromVitrine)
  return {
    ...model,
    family: family.name,
    file: chosen.file,
    parameters: weights.tensors.values(),
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
    declaredName: vitrine.declaredName,
  }
}

async function readHeaders({ file, kind }: Chosen) {
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
