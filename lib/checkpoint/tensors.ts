// The tensors of a checkpoint by stored name, and the account of which were used. Before it: safetensors.ts; after it: families/.
import { VitrineError } from '../errors'
import type { DType, Tensor } from '../spec'

export interface StoredTensor {
  name: string
  file: number
  offset: number
  shape: number[]
  dtype: DType
}

const product = (shape: number[]) => shape.reduce((a, b) => a * b, 1)

/** Every tensor must be taken or ignored; `finish()` names those that were neither. */
export class TensorSource {
  private readonly left: Set<string>
  constructor(
    private readonly stored: Map<string, StoredTensor>,
    private readonly fileName: string,
  ) {
    this.left = new Set(stored.keys())
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

  /** Takes a tensor, checked against `shape` (a number of `undefined` matches any). */
  take(name: string, shape?: (number | undefined)[]): Tensor {
    const found = this.find(name)
    const fits = !shape || (found.shape.length === shape.length ? shape.every((n, i) => n === undefined || n === found.shape[i]) : false)
    if (!fits) {
      throw new VitrineError(
        'ERR_TENSOR_SHAPE',
        `${this.fileName}: tensor ${name} has shape [${found.shape}], expected [${shape!.map((n) => n ?? 'any')}]`,
      )
    }
    this.left.delete(name)
    return [{ file: found.file, offset: found.offset, shape: found.shape, dtype: found.dtype, name }]
  }
  takeIf(name: string, shape?: (number | undefined)[]): Tensor | undefined {
    return this.stored.has(name) ? this.take(name, shape) : undefined
  }
  ignore(pattern: RegExp): void {
    for (const name of this.left) if (pattern.test(name)) this.left.delete(name)
  }
  /** Refuses tensors that nothing took or ignored. */
  finish(family: string): void {
    if (this.left.size === 0) return
    const names = [...this.left].sort()
    const shown = names.slice(0, 5).join(', ') + (names.length > 5 ? `, … (${names.length} in all)` : '')
    throw new VitrineError('ERR_TENSOR_UNKNOWN', `${this.fileName}: unknown tensor ${shown}: the family ${family} has no use for it`)
  }
  /** Number of values in every tensor of the checkpoint. */
  values(): number {
    let n = 0
    for (const tensor of this.stored.values()) n += product(tensor.shape)
    return n
  }

  private find(name: string): StoredTensor {
    const found = this.stored.get(name)
    if (!found) throw new VitrineError('ERR_TENSOR_MISSING', `${this.fileName}: tensor ${name} is missing`)
    return found
  }
}
