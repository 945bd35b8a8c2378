// What a family file provides: it recognises a checkpoint, maps its tensor names onto roles and returns a spec. Data and pure functions;
// nothing outside families/ knows a family's name. Before it: checkpoint/open.ts; after it: checkpoint/open.ts, with the spec.
import type { TensorSource } from '../checkpoint/tensors'
import type { Pipeline } from '../image/pipeline'
import type { EncoderSpec, PoolBranch } from '../spec'

export interface Size {
  height: number
  width: number
}

/** A checkpoint as opened: its config (undefined for a lone state dict) and its tensors by stored name. */
export interface CheckpointSource {
  /** What messages call it: the file that the weights are in. */
  name: string
  config: Record<string, unknown> | undefined
  /** What messages call the config. */
  configName: string
  tensors: TensorSource
  /** `heads` of load(). */
  heads: number | undefined
  /** `heads` of vitrine.json, and what messages call that file. */
  declaredHeads: number | undefined
  declaredName: string
}

export interface FamilyModel {
  /** Everything but `files`, mean, std and rescale, which the checkpoint and the pipeline give. */
  spec: Omit<EncoderSpec, 'files' | 'mean' | 'std' | 'rescale'>
  imageSize: Size
  /** Whether token 0 is a CLS token. */
  hasCls: boolean
  /** The model's own pooler, MAP head or projection; absent where it has none. */
  pooled?: PoolBranch[]
  logits?: PoolBranch[]
  /** Names of the classes, by index of the logits. */
  labels?: string[]
  /** What the family's processor does when no file says otherwise, for this image size. */
  pipeline: Pipeline
}

export interface Family {
  name: string
  /** Values of `model_type` that are this family; empty where its checkpoints have no config. */
  modelTypes: readonly string[]
  /** By tensor names, for a checkpoint without a config that names a type; absent where the names do not say enough. */
  recognises?(tensors: TensorSource): boolean
  /** Takes every tensor it needs from `source.tensors` and declares those it knowingly ignores; the caller refuses what is left over. */
  read(source: CheckpointSource): FamilyModel
}
