// The tensors of a checkpoint by stored name, and the account of which were used. Before it: safetensors.ts; after it: families/.
import { VitrineError } from '../errors'
import type { DType, Tensor } from '../spec'

export interface StoredTensor {
  name: string
  /** Index into the checkpoint's files. */
  file: number
  /** Bytes from the start of the file. */
  offset: number
  shape: number[]
  /** As the file spells it: F32, I64, … */
  dtype: string
}

const readable: Readonly<Record<string, DType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' }

/** Number of values of a shape. */
export const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

/** Every tensor must be taken or ignored; `finish()` names those that were neither. */
export class TensorSource {
  private readonly stored = new Map<string, StoredTensor>()
  private readonly left: Set<string>
  private readonly taken = new Set<string>()

  /** `files` are what messages call the places that tensors lie in; `name` is what they call the whole. */
  constructor(
    tensors: readonly StoredTensor[],
    private readonly files: readonly string[],
    readonly name: string,
  ) {
    for (const tensor of tensors) this.stored.set(tensor.name, tensor)
    this.left = new Set(this.stored.keys())
  }

  names(): string[] {
    return [...this.stored.keys()]
  }
  has(name: string): boolean {
    return this.stored.has(name)
  }
  /** Shape of a stored tensor; ERR_TENSOR_MISSING where it is not there. */
  shape(name: string): number[] {
    return this.find(name).shape
  }

  /** Takes a tensor, checked against `shape` (a number of `undefined` matches any). ERR_TENSOR_MISSING, _SHAPE, _DTYPE. */
  take(name: string, shape?: readonly (number | undefined)[]): Tensor {
    const found = this.find(name)
    const fits = !shape || (found.shape.length === shape.length && shape.every((n, i) => n === undefined || n === found.shape[i]))
    if (!fits) {
      const expected = shape!.map((n) => n ?? 'any').join(', ')
      throw new VitrineError(
        'ERR_TENSOR_SHAPE',
        `${this.files[found.file]}: tensor ${name} has shape [${found.shape.join(', ')}], expected [${expected}]`,
      )
    }
    const dtype = readable[found.dtype]
    if (!dtype) {
      const known = Object.keys(readable).join(', ')
      throw new VitrineError(
        'ERR_TENSOR_DTYPE',
        `${this.files[found.file]}: tensor ${name} is stored as ${found.dtype}, expected one of ${known}`,
      )
    }
    this.left.delete(name)
    this.taken.add(name)
    return [{ file: found.file, offset: found.offset, shape: found.shape, dtype, name }]
  }
  takeIf(name: string, shape?: readonly (number | undefined)[]): Tensor | undefined {
    return this.stored.has(name) ? this.take(name, shape) : undefined
  }
  ignore(pattern: RegExp): void {
    for (const name of this.left) if (pattern.test(name)) this.left.delete(name)
  }
  /** ERR_TENSOR_UNKNOWN for tensors that nothing took or ignored. */
  finish(family: string): void {
    if (this.left.size === 0) return
    const names = [...this.left].sort()
    const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? `, … (${names.length} in all)` : '')
    throw new VitrineError('ERR_TENSOR_UNKNOWN', `${this.name}: unknown tensor ${shown}: the family ${family} has no use for it`)
  }
  /** Number of values in every tensor that was taken. */
  values(): number {
    let n = 0
    for (const name of this.taken) n += elements(this.find(name).shape)
    return n
  }

  private find(name: string): StoredTensor {
    const found = this.stored.get(name)
    if (!found) throw new VitrineError('ERR_TENSOR_MISSING', `${this.name}: tensor ${name} is missing`)
    return found
  }
}
