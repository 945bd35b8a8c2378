// The values of a graph's weights, as fp32, from the checkpoint's files. Before it: graph.ts, which says which; after it: proto.ts.
import { closeSync, openSync, readSync } from 'node:fs'
import { VitrineError } from '../errors'
import type { TensorPart } from '../spec'
import type { Weight } from './graph'

const bytesOf = { f32: 4, f16: 2, bf16: 2 } as const
const count = (dims: number[]) => dims.reduce((product, n) => product * n, 1)

/** IEEE half → number. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function readPart(files: number[], part: Extract<TensorPart, { file: number }>): Float32Array {
  const values = count(part.shape)
  const bytes = Buffer.from(new ArrayBuffer(values * bytesOf[part.dtype]))
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(files[part.file]!, bytes, done, bytes.length - done, part.offset + done)
    if (read === 0) throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', `tensor ${part.name}: expected ${bytes.length} bytes, found ${done}`)
    done += read
  }
  if (part.dtype === 'f32') return new Float32Array(bytes.buffer)
  const bits = new Uint16Array(bytes.buffer)
  if (part.dtype === 'f16') return Float32Array.from(bits, half)
  const wide = Uint32Array.from(bits, (b) => b << 16)
  return new Float32Array(wide.buffer)
}

/** [rows, columns] → [columns, rows]. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c]!
  return out
}

/** Reads weights one at a time, so that no more than one is in memory twice. `close()` when done. */
export class WeightReader {
  private readonly files: number[]
  constructor(paths: string[]) {
    this.files = paths.map((path) => openSync(path, 'r'))
  }

  /** The values in the weight's `dims`; ERR_TENSOR_SHAPE where its parts hold another number of them. */
  read(weight: Weight): Float32Array {
    const out = new Float32Array(count(weight.dims))
    let at = 0
    for (const part of weight.tensor) {
      const size = count('zeros' in part ? part.zeros : part.shape)
      if (at + size > out.length) at = Number.POSITIVE_INFINITY
      else if (!('zeros' in part)) out.set(readPart(this.files, part), at)
      at += size
    }
    if (at !== out.length) {
      const shapes = weight.tensor.map((part) => `${part.name} [${'zeros' in part ? part.zeros : part.shape}]`)
      throw new VitrineError('ERR_TENSOR_SHAPE', `ONNX graph: ${weight.name} needs [${weight.dims}], found ${shapes.join(' + ')}`)
    }
    // dims are those of the result: [in, out] of a stored [out, in].
    return weight.transpose ? transposed(out, weight.dims[1]!, weight.dims[0]!) : out
  }
  close(): void {
    for (const file of this.files.splice(0)) closeSync(file)
  }
}
