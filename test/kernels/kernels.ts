// The typed door to the test-only addon (addon.cc): the kernels of one instruction set over plain arrays.
import { createRequire } from 'node:module'
import { join } from 'node:path'

export enum Activation {
  None,
  Gelu,
  GeluTanh,
  QuickGelu,
  Relu,
  Silu,
  Tanh,
}

export enum Epilogue {
  Store,
  Residual,
  Glu,
}

/** Elements of every operand end `slack` elements before memory that must not be touched (default 0). */
interface Placement {
  slack?: number
}

/** Fields as in native/kernels/gemm.h, but `w` [n, k] and vectors [n] are unpacked; for Glu, n/2 gate rows, then n/2 value rows. */
export interface GemmCall extends Placement {
  a: Float32Array
  lda: number
  w: Float32Array
  n: number
  k: number
  bias?: Float32Array
  scale?: Float32Array
  c: Float32Array
  ldc: number
  rowBegin: number
  rowEnd: number
  panelBegin?: number
  panelEnd?: number
  epilogue: Epilogue
  activation: Activation
  /** run_pairs instead of run: panels are of the first half. */
  pairs?: true
}

/** q, k, v: row t of the head at t·ld. */
export interface AttentionCall extends Placement {
  q: Float32Array
  k: Float32Array
  v: Float32Array
  ld: number
  tokens: number
  headDim: number
  queryBegin: number
  queryEnd: number
  scale: number
  /** [tokens], added to the scaled scores. */
  keyBias?: Float32Array
  out: Float32Array
  ldo: number
  weights?: true
}

/** Fields as in native/kernels/class_attention.h; `narrow`: a result of bf16, widened. */
export interface ClassAttentionCall extends Placement {
  x: Float32Array
  ldx: number
  u: Float32Array
  ldu: number
  tokens: number
  dim: number
  heads: number
  scale: number
  keyBias?: Float32Array
  /** Absent: not wanted. */
  out?: Float32Array
  ldo: number
  narrow?: true
  /** Gives the weights in place of `out`. */
  weights?: true
}

export interface PatchEmbedCall extends Placement {
  /** patch_embed_bf16 */
  narrow?: true
  bytes?: Uint8Array
  planes?: Float32Array
  height: number
  width: number
  patchHeight: number
  patchWidth: number
  w: Float32Array
  n: number
  bias?: Float32Array
  /** [patches, ldt], readable over whole panels */
  position?: Float32Array
  tokens: Float32Array
  ldt: number
  patchBegin: number
  patchEnd: number
}

export interface LayerNormCall extends Placement {
  x: Float32Array
  ldx: number
  /** absent: in place */
  y?: Float32Array
  ldy: number
  gamma: Float32Array
  beta: Float32Array
  rows: number
  dim: number
  eps: number
}

/** Fields as in native/kernels/resample.h; `coefficients` [outputs, taps]. With `index` the vertical pass, else the horizontal one. */
export interface ResampleCall extends Placement {
  source: Uint8Array
  stride: number
  first: Int32Array
  length: Int32Array
  coefficients: Int32Array
  taps: number
  bits: number
  /** What is there before; horizontal: rows at `outStride`, vertical: one row. */
  out: Uint8Array
  rows?: number
  outStride?: number
  index?: number
}

export interface Isa {
  name: string
  supported: boolean
  /** What its self-test found; '' where all is right. */
  fault: string
  /** MR and NR of its GEMM */
  rows: number
  columns: number
  /** Whether its gemm_bf16 multiplies bf16, else widened weights */
  bf16: boolean
  /** Whether its gemm_bf16 and gemm_int8 have run_pairs */
  narrowPairs: boolean
  bytePairs: boolean
}

/** Fields as of GemmCall. Bf16: `a`, `w` and a narrow `c` hold floats that bf16 represents. Bytes: `a` with a scale and zero point per row. */
export type NarrowGemmCall = Omit<GemmCall, 'a' | 'w'> & { cNumber: 0 | 1 } & (
    | { number: 1; a: Float32Array; w: Float32Array }
    | { number: 2; a: Uint8Array; aScale: Float32Array; aZero: Int32Array; w: Int8Array; columnScale: Float32Array }
  )

export interface Quantised {
  y: Uint8Array
  scale: Float32Array
  zero: Int32Array
}

interface TestKernels {
  isas(): Isa[]
  /** reference, avx2, and avx_vnni with its instruction emulated, exactly and wrongly (stand_in.cc); none without AVX2. */
  standIns(): Isa[]
  active(): Isa | { code: string; message: string }
  supportedBy(words: Record<'leaf1Ecx' | 'leaf1Edx' | 'leaf7Ebx' | 'leaf7Ecx' | 'leaf71Eax' | 'savedStates', number>): string[]
  attentionScratch(isa: string, tokens: number, headDim: number): number
  gemm(isa: string, call: GemmCall): Float32Array
  attention(isa: string, call: AttentionCall): Float32Array
  /** attention_int16 */
  shortAttention(isa: string, call: AttentionCall): Float32Array
  classAttention(isa: string, call: ClassAttentionCall): Float32Array
  narrowGemm(isa: string, call: NarrowGemmCall): Float32Array
  /** `over`: bytes over the rows' own memory. */
  quantize(
    isa: string,
    call: { x: Float32Array; number: 0 | 1; ldx: number; ldy: number; rows: number; dim: number; over?: true } & Placement,
  ): Quantised
  /** `over`: bytes over the weights' own memory. `q` holds int8. */
  quantizeWeights(
    isa: string,
    call: { w: Float32Array; fold?: Float32Array; over?: true } & Placement,
  ): { q: Uint8Array; scale: Float32Array; sum: Int32Array }
  narrowNorm(isa: string, call: Omit<LayerNormCall, 'y'> & { number: 1 }): Float32Array
  narrowNorm(isa: string, call: Omit<LayerNormCall, 'y'> & { number: 2 }): Quantised
  /** q, k, v and out that bf16 represents. */
  pairAttention(isa: string, call: AttentionCall): Float32Array
  patchEmbed(isa: string, call: PatchEmbedCall): Float32Array
  layerNorm(isa: string, call: LayerNormCall): Float32Array
  resample(isa: string, call: ResampleCall): Uint8Array
  activate(isa: string, call: { x: Float32Array; activation: Activation; inPlace?: true } & Placement): Float32Array
}

export const addonPath = process.env.VITRINE_TEST_KERNELS ?? join(__dirname, '..', '..', 'build', 'Release', 'vitrine_test_kernels.node')
export const kernels = createRequire(__filename)(addonPath) as TestKernels

/** Every ISA of this machine; `reference` among them is what they are compared with. */
export const isas = kernels.isas().filter((isa) => isa.supported && isa.name !== 'reference')

/** AVX-VNNI's own tile over an emulation that is exact in int32. */
export const standIns = kernels.standIns().filter((isa) => isa.supported && isa.name === 'avx_vnni_stand_in')

export const panelsOf = (isa: Isa, n: number, epilogue: Epilogue): number =>
  Math.ceil((epilogue === Epilogue.Glu ? n / 2 : n) / panelWidth(isa, epilogue))

/** c of a product computed by `run` in four calls: cut at a row and at one of `panels`, in no order. */
export function inFourCalls<C extends GemmCall | NarrowGemmCall>(
  run: (call: C) => Float32Array,
  call: C,
  row: number,
  panel: number,
  panels: number,
): Float32Array {
  let c = call.c
  for (const [rowBegin, rowEnd] of [
    [call.rowBegin, row],
    [row, call.rowEnd],
  ] as const)
    for (const [panelBegin, panelEnd] of [
      [panel, panels],
      [0, panel],
    ] as const)
      c = run({ ...call, c, rowBegin, rowEnd, panelBegin, panelEnd })
  return c
}

/** Columns of c that a panel writes. */
export const panelWidth = (isa: Isa, epilogue: Epilogue): number => (epilogue === Epilogue.Glu ? isa.columns / 2 : isa.columns)
