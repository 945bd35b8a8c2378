// What a call returns: a batch of numbers with its dims. Before it: native/engine/pool.cc, which wrote them; after it: the caller.
// The last stop of the walk.
import type { VitrineError } from './errors'

interface ElementTypes {
  float32: Float32Array
  uint8: Uint8Array
}

export type NestedList = number[] | NestedList[]

/**
 * Row-major, batch first. Has the names that onnxruntime-common's Tensor has: `new ort.Tensor(t.type, t.data, t.dims)` just works.
 */
export class Tensor<T extends keyof ElementTypes> {
  /** Number of elements, the product of `dims`. */
  readonly size: number
  /**
   * With `errors: 'collect'`: by image, the error or null. The rows of a failed image are NaN (0 where the type is uint8).
   */
  declare readonly errors?: readonly (VitrineError | null)[]

  constructor(
    readonly type: T,
    readonly dims: readonly number[],
    readonly data: ElementTypes[T],
    errors?: readonly (VitrineError | null)[],
  ) {
    this.size = data.length
    if (errors) this.errors = errors
  }

  /** One image's part of `data`: a view, not a copy. Negative counts from the end; RangeError where there is no such image. */
  row(index: number): ElementTypes[T] {
    const count = this.dims[0] ?? 0
    const at = index < 0 ? index + count : index
    if (!Number.isInteger(at) || at < 0 || at >= count) throw new RangeError(`row ${index} of a tensor with ${count} rows`)
    const length = this.size / count
    return this.data.subarray(at * length, (at + 1) * length) as ElementTypes[T]
  }

  /** Nested arrays of numbers, one level per dimension. */
  toList(): NestedList {
    const nest = (level: number, start: number, length: number): NestedList => {
      if (level === this.dims.length - 1) return Array.from(this.data.subarray(start, start + length))
      const part = length / this.dims[level]!
      return Array.from({ length: this.dims[level]! }, (_, i) => nest(level + 1, start + i * part, part))
    }
    return nest(0, 0, this.size)
  }
}

/** Features [B, …] in float32. */
export type FeatureTensor = Tensor<'float32'>
/** The crops that the encoder sees [B, H, W, 3], 0…255. */
export type PixelTensor = Tensor<'uint8'>
