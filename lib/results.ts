// The types of what calls return, as far as they depend on the options. Before it: options.ts; after it: model.ts.
import type { VitrineError } from './errors'
import type { ImageSource, PixelValues } from './image/input'
import type { PoolOptions } from './options'
import type { FeatureTensor } from './tensor'

type PerPool<O> = O extends { pool: readonly unknown[] } ? FeatureTensor[] : FeatureTensor
/** One tensor; with an array of pools one each; with `layers` an array of that, one entry per layer. */
export type Features<O extends PoolOptions> = O extends { layers: readonly number[] } ? PerPool<O>[] : PerPool<O>

export type StreamSource = ImageSource | PixelValues
/** One image of a stream: its place, what was given, and its features (batch dimension 1) or its error. */
export type StreamItem<O extends PoolOptions> =
  | { index: number; source: StreamSource; features: Features<O>; error?: undefined }
  | { index: number; source: StreamSource; features?: undefined; error: VitrineError }
