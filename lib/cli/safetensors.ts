// A .safetensors file: header length, JSON header, then the tensors. Before it: formats.ts. The sources stand in its metadata.
import { columnBytes, openArrays } from './arrays'
import type { Job, RowWriter } from './formats'

export async function openSafetensors(job: Job): Promise<RowWriter> {
  return openArrays(job, 'safetensors', safetensorsHeader(job))
}

/** Padded with spaces, so that the values are aligned to 8 bytes. */
export function safetensorsHeader(job: Job): Buffer {
  const rows = job.sources.length
  const header: Record<string, unknown> = { __metadata__: { sources: JSON.stringify(job.sources), model: job.model } }
  let offset = 0
  for (const column of job.columns) {
    const end = offset + columnBytes(column, rows)
    header[column.name] = { dtype: 'F32', shape: [rows, ...column.dims], data_offsets: [offset, end] }
    offset = end
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Math.ceil(json.length / 8) * 8
  const bytes = Buffer.alloc(8 + length, ' ')
  bytes.writeBigUInt64LE(BigInt(length))
  json.copy(bytes, 8)
  return bytes
}
