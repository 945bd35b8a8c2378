// A folder or a file → weights, config and family. Before it: model.ts; after it: families/, then native.ts.
import type { FamilyModel } from '../families/family'
import type { Pipeline } from '../image/pipeline'
import type { EncoderSpec } from '../spec'

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
}

/** Opens a checkpoint folder or weight file; design: "Which file of a folder". Reads headers and configs only. */
export async function openCheckpoint(_source: string, _options: OpenOptions): Promise<Checkpoint> {
  throw new Error('not written yet')
}
