// NumPy's .npy, format version 1.0: magic, length, a Python dict padded to 64 bytes, then the values. Before it: formats.ts.
import { openArrays } from './arrays'
import { CommandError, exitCodes } from './exit'
import type { Job, RowWriter } from './formats'

export async function openNpy(job: Job): Promise<RowWriter> {
  if (job.columns.length !== 1) {
    throw new CommandError(exitCodes.usage, `--format npy holds one array, this run gives ${job.columns.length}: use --format safetensors`)
  }
  return openArrays(job, 'npy', npyHeader([job.sources.length, ...job.columns[0]!.dims]))
}

/** Row-major little-endian float32 of this shape. */
export function npyHeader(shape: number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`
  const prefix = 10
  const length = Math.ceil((prefix + dict.length + 1) / 64) * 64 - prefix
  const header = Buffer.alloc(prefix + length, ' ')
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(length, 8)
  header.write(dict, prefix, 'latin1')
  header[header.length - 1] = 0x0a
  return header
}
