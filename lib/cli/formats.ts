// Table: output format → its writer. Before it: features.ts; after it: jsonl.ts, npy.ts, safetensors.ts. A writer takes one image after
// another and keeps none of them.
import type { FeatureTensor } from '../tensor'
import { openJsonl } from './jsonl'
import { openNpy } from './npy'
import { openSafetensors } from './safetensors'

/** One output of every image: its name, and the dims of one image's part. */
export interface Column {
  name: string
  dims: number[]
}

export interface Row {
  index: number
  source: string
  /** By column, each with a batch dimension of 1; absent where the image failed. */
  tensors?: FeatureTensor[]
  error?: { code: string; message: string }
}

export interface Job {
  /** undefined: standard output. */
  output: string | undefined
  sources: string[]
  columns: Column[]
  /** The weight file. */
  model: string
}

export interface RowWriter {
  write(row: Row): Promise<void>
  end(): Promise<void>
  /** After a failure of the run: leaves no half file behind. */
  discard(): Promise<void>
}

export const formats: Record<string, { help: string; open(job: Job): Promise<RowWriter> }> = {
  jsonl: { help: 'one JSON object per image', open: openJsonl },
  npy: { help: 'one NumPy array [N, …]; failed images are NaN', open: openNpy },
  safetensors: { help: 'one tensor [N, …] per output; failed images are NaN', open: openSafetensors },
}
