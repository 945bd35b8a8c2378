// A file of float32 arrays of known shape, filled image by image. Before it: npy.ts and safetensors.ts, which know the header.
import { endianness } from 'node:os'
import { CommandError, exitCodes } from './exit'
import type { Column, Job, RowWriter } from './formats'
import { openPart } from './output'

const FLOAT_BYTES = 4
export const valuesIn = (dims: number[]) => dims.reduce((product, n) => product * n, 1)

/** Bytes of one column over all images. */
export const columnBytes = (column: Column, rows: number) => rows * valuesIn(column.dims) * FLOAT_BYTES

/** Columns one after another behind the header; the rows of failed images are NaN. */
export async function openArrays(job: Job, format: string, header: Buffer): Promise<RowWriter> {
  if (job.output === undefined) throw new CommandError(exitCodes.usage, `--format ${format} needs --output FILE`)
  if (endianness() !== 'LE') throw new CommandError(exitCodes.failed, `--format ${format} is little-endian, this machine is not`)
  const rows = job.sources.length
  let next = header.length
  const starts = job.columns.map((column) => {
    const start = next
    next += columnBytes(column, rows)
    return start
  })
  const file = await openPart(job.output)
  await writeAll(header, 0)
  return {
    async write(row) {
      for (const [i, column] of job.columns.entries()) {
        const length = valuesIn(column.dims)
        const values = row.tensors?.[i]?.data ?? new Float32Array(length).fill(Number.NaN)
        const bytes = Buffer.from(values.buffer, values.byteOffset, length * FLOAT_BYTES)
        await writeAll(bytes, starts[i]! + row.index * bytes.length)
      }
    },
    end: () => file.finish(),
    discard: () => file.discard(),
  }

  async function writeAll(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await file.handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
    }
  }
}
