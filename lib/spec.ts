// EncoderSpec: what the engine computes, as orthogonal options and weights by role. No family names. Before it: families/, which make
// one; after it: native.ts, which hands it over. Twin of native/engine/spec.h. Letters: D width, F MLP width, L blocks.

export type DType = 'f32' | 'f16' | 'bf16'
export type Activation = 'none' | 'gelu' | 'gelu_tanh' | 'quick_gelu' | 'relu' | 'silu' | 'tanh'

/** A run of bytes in a weight file, or `zeros` where the file leaves a part out (a key without bias). */
export type TensorPart = { file: number; offset: number; shape: number[]; dtype: DType; name: string } | { zeros: number[]; name: string }

/** Parts laid one after another along the first axis (q, k, v → qkv; gate, up → the first MLP layer). */
export type Tensor = TensorPart[]

/** `weight` [out, in] as torch.nn.Linear stores it, `bias` [out]. */
export interface Linear {
  weight: Tensor
  bias?: Tensor
}
export interface Norm {
  gamma: Tensor
  beta: Tensor
}

export interface Block {
  norm1: Norm
  /** [3D, D], rows q, k, v. */
  qkv: Linear
  projection: Linear
  /** LayerScale [D]. */
  scale1?: Tensor
  norm2: Norm
  /** [F, D]; with `glu` [2F, D], gate rows first. */
  fc1: Linear
  /** [D, F]. */
  fc2: Linear
  scale2?: Tensor
}

/** How a stored position table becomes one of another grid: torch's bicubic, with a = -0.75, or a = -0.5 when antialiased. */
export interface PositionResize {
  antialias: boolean
  alignCorners: boolean
}

export interface Head {
  name: string
  linear: Linear
  activation: Activation
  in: number
  out: number
}

/** A weight file as it was when its header was read (fs.stat with `bigint`): if another one is in its place at load, that is an error. */
export interface FileStamp {
  ino: bigint
  size: bigint
  mtimeNs: bigint
}

export interface EncoderSpec {
  /** Absolute paths; `TensorPart.file` is an index into them. */
  files: string[]
  /** One per file; left out, the files are taken as they are. */
  stamps?: FileStamp[]
  dim: number
  heads: number
  headDim: number
  mlpWidth: number
  patchHeight: number
  patchWidth: number
  /** Convolution weight [D, 3, PH, PW]. */
  patch: Linear
  /** CLS, distillation, registers, in token order; `position` says whether the table has rows for it. */
  prefix: { value: Tensor; rows: number; position: boolean }[]
  /** Table [prefix rows with a position + gridHeight · gridWidth, D]. */
  position?: { table: Tensor; gridHeight: number; gridWidth: number; resize: PositionResize }
  /** After the embeddings, before the first block (CLIP). */
  preNorm?: Norm
  blocks: Block[]
  glu: boolean
  activation: Activation
  eps: number
  finalNorm?: Norm
  headsOut: Head[]
  /** Pixels 0…255 become (value · rescale − mean) / std. */
  mean: [number, number, number]
  std: [number, number, number]
  rescale: number
}

/** Rows of the token matrix that an output reads: `count` -1 means to the end. */
export interface PoolTerm {
  row: number
  count: number
  mean: boolean
  afterNorm: boolean
}
/** Terms are concatenated, then sent through `headsOut[head]` where `head` is not -1. */
export interface PoolBranch {
  terms: PoolTerm[]
  head: number
}
/**
 * One result per image: the average of its branches, or the attention of token 0 over the patches in the last block. `normalize` gives
 * unit length to each token of a lone run of rows, else to the whole result.
 */
export type Output = { kind: 'pool'; branches: PoolBranch[]; normalize: boolean; layer: number } | { kind: 'attention' }

/** Tokens to merge away by block, the first first (token-merging.ts); blocks behind its end merge none. */
export type MergeSchedule = readonly number[]
