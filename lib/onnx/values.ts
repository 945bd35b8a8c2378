// The values of a graph's weights from the checkpoint's files, in slices, so that the event loop never waits long. Before it: graph.ts,
// which says which; after it: proto.ts or export.ts, which put them into the model.
import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate as tick } from 'node:timers/promises'
import { VitrineError } from '../errors'
import { fromNative, native } from '../native'
import type { EncoderSpec, TensorPart } from '../spec'
import { fromHalf, toBytes } from './float16'
import type { Weight } from './graph'

/** Values that are converted at once, some milliseconds of work. */
const SLICE = 1 << 18

const bytesOf = { f32: 4, f16: 2, bf16: 2 } as const
const count = (dims: number[]) => dims.reduce((product, n) => product * n, 1)

/** Reads one weight at a time, so that no more than one is in memory. `close()` when done. */
export class WeightReader {
  private constructor(
    private readonly files: FileHandle[],
    private readonly spec: Pick<EncoderSpec, 'files' | 'stamps'>,
  ) {}

  /** ERR_CHECKPOINT_CHANGED where a file is not the one whose header was read. */
  static async open(spec: Pick<EncoderSpec, 'files' | 'stamps'>): Promise<WeightReader> {
    const reader = new WeightReader([], spec)
    try {
      for (const path of spec.files) reader.files.push(await open(path, 'r'))
      await reader.checkUnchanged()
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  /** Call it when all is read: a file that was written to meanwhile is ERR_CHECKPOINT_CHANGED. */
  async checkUnchanged(): Promise<void> {
    for (const [i, file] of this.files.entries()) {
      const stamp = this.spec.stamps?.[i]
      const { ino, size, mtimeNs } = await file.stat({ bigint: true })
      if (stamp && (stamp.ino !== ino || stamp.size !== size || stamp.mtimeNs !== mtimeNs))
        throw new VitrineError('ERR_CHECKPOINT_CHANGED', `${this.spec.files[i]} changed while it was being read`)
    }
  }

  /** The bytes of a weight in its dims and type. ERR_DTYPE_UNAVAILABLE where a value does not fit the type, else as {@link floats}. */
  async bytes(weight: Weight): Promise<Uint8Array> {
    const values = await this.floats(weight)
    if (weight.type === 'float32') return toBytes(values, 'float32')
    const out = new Uint8Array(2 * values.length)
    for (let at = 0; at < values.length; at += SLICE) {
      const slice = values.subarray(at, at + SLICE)
      const converted = toBytes(slice, weight.type)
      if (weight.type === 'float16') refuseOverflow(weight, slice, converted)
      out.set(converted, 2 * at)
      await tick()
    }
    return out
  }

  /** The values in the weight's dims; ERR_TENSOR_SHAPE where its parts hold another number of them, ERR_CHECKPOINT_TRUNCATED. */
  async floats(weight: Weight): Promise<Float32Array> {
    const { dims, grid } = weight
    const outer = grid ? dims[1]! - grid.wanted.height * grid.wanted.width + grid.stored.height * grid.stored.width : 0
    const stored = grid ? [1, outer, dims[2]!] : dims
    const out = new Float32Array(count(stored))
    let at = 0
    for (const part of weight.tensor) {
      const size = count('zeros' in part ? part.zeros : part.shape)
      if (at + size > out.length) at = Number.POSITIVE_INFINITY
      else if (!('zeros' in part)) await this.readPart(part, out.subarray(at, at + size))
      at += size
    }
    if (at !== out.length) {
      const shapes = weight.tensor.map((part) => `${part.name} [${'zeros' in part ? part.zeros : part.shape}]`)
      throw new VitrineError('ERR_TENSOR_SHAPE', `ONNX graph: ${weight.name} needs [${stored}], found ${shapes.join(' + ')}`)
    }
    // dims are those of the result: [in, out] of a stored [out, in].
    if (weight.transpose) return transposed(out, dims[1]!, dims[0]!)
    return grid ? resized(out, dims[2]!, grid) : out
  }

  private async readPart(part: Extract<TensorPart, { file: number }>, out: Float32Array): Promise<void> {
    const width = bytesOf[part.dtype]
    const buffer = Buffer.from(new ArrayBuffer(Math.min(out.length, SLICE) * width))
    for (let first = 0; first < out.length; first += SLICE) {
      const values = Math.min(SLICE, out.length - first)
      const from = part.offset + first * width
      for (let done = 0; done < values * width; ) {
        const { bytesRead } = await this.files[part.file]!.read(buffer, done, values * width - done, from + done)
        if (bytesRead === 0) {
          const message = `${this.spec.files[part.file]}: tensor ${part.name}: expected ${out.length * width} bytes, found ${first * width + done}`
          throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', message)
        }
        done += bytesRead
      }
      const slice = out.subarray(first, first + values)
      if (part.dtype === 'f32') slice.set(new Float32Array(buffer.buffer, 0, values))
      else {
        const bits = new Uint16Array(buffer.buffer, 0, values)
        if (part.dtype === 'f16') for (let i = 0; i < values; i++) slice[i] = fromHalf(bits[i]!)
        else new Uint32Array(slice.buffer, slice.byteOffset, values).set(Uint32Array.from(bits, (b) => b << 16))
      }
    }
  }

  async close(): Promise<void> {
    for (const file of this.files.splice(0)) await file.close()
  }
}

function refuseOverflow(weight: Weight, values: Float32Array, converted: Uint8Array): void {
  const halves = new Uint16Array(converted.buffer, converted.byteOffset, values.length)
  for (let i = 0; i < values.length; i++) {
    if ((halves[i]! & 0x7fff) !== 0x7c00 || !Number.isFinite(values[i]!)) continue
    const names = weight.tensor.map((part) => part.name).join(', ')
    throw new VitrineError('ERR_DTYPE_UNAVAILABLE', `${names}: ${values[i]} is beyond float16, which ends at 65504: export it as fp32`)
  }
}

/** [rows, columns] → [columns, rows], in squares that stay in the cache. */
async function transposed(values: Float32Array, rows: number, columns: number): Promise<Float32Array> {
  const side = 32
  const out = new Float32Array(values.length)
  for (let top = 0, done = 0; top < rows; top += side, done += side * columns) {
    const bottom = Math.min(top + side, rows)
    for (let left = 0; left < columns; left += side) {
      const right = Math.min(left + side, columns)
      for (let c = left; c < right; c++) for (let r = top; r < bottom; r++) out[c * rows + r] = values[r * columns + c]!
    }
    if (done >= SLICE) {
      done = 0
      await tick()
    }
  }
  return out
}

/** The rows of prefix entries as they are, those of the patches on another grid. */
async function resized(table: Float32Array, dim: number, { stored, wanted, resize }: NonNullable<Weight['grid']>): Promise<Float32Array> {
  const patches = stored.height * stored.width * dim
  const prefix = table.length - patches
  const sink = new Float32Array(wanted.height * wanted.width * dim)
  try {
    await native().resizePositions(table.slice(prefix), stored, wanted, dim, resize, sink).promise
  } catch (error) {
    throw fromNative(error)
  }
  const out = new Float32Array(prefix + sink.length)
  out.set(table.subarray(0, prefix))
  out.set(sink, prefix)
  return out
}
