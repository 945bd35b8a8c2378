// Safetensors files written and read by the tests, independently of lib/checkpoint.
import { readFileSync } from 'node:fs'

export interface Entry {
  dtype: string
  shape: number[]
  data: Uint8Array
}
export type Entries = Record<string, Entry>

export const floats = (values: Iterable<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)
export const f32 = (shape: number[], values?: Iterable<number>): Entry => {
  const count = shape.reduce((a, b) => a * b, 1)
  return { dtype: 'F32', shape, data: values ? floats(values) : new Uint8Array(4 * count) }
}

/** A whole file: length, header, values. `edit` may spoil the header before it is written. */
export function encode(entries: Entries, edit: (header: Record<string, unknown>) => unknown = (header) => header): Buffer {
  const header: Record<string, unknown> = {}
  let at = 0
  for (const [name, { dtype, shape, data }] of Object.entries(entries)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] }
    at += data.length
  }
  return file(JSON.stringify(edit(header)), Buffer.concat(Object.values(entries).map((entry) => entry.data)))
}

/** Header text and values → file, with the length in front. */
export function file(header: string | Uint8Array, values: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(header as string)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, values])
}

export function decode(path: string): Entries {
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  delete header.__metadata__
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        return [name, { dtype, shape, data: bytes.subarray(8 + length + begin, 8 + length + end) }]
      },
    ),
  )
}

/** The values of an F32 entry, in memory of their own. */
export function values(entry: Entry): Float32Array {
  if (entry.dtype !== 'F32') throw new Error(`expected F32, found ${entry.dtype}`)
  return new Float32Array(Uint8Array.from(entry.data).buffer)
}
