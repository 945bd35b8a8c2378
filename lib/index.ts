// The public API: exports, nothing else.
export type { Classification } from './classes'
export type { DeviceOptions } from './device-option'
export type { FeaturesTrace, LoadTrace } from './diagnostics'
export { type ErrorCode, errorCodes, VitrineError } from './errors'
export type { ImageInput, ImageSource, PixelValues, RawPixels } from './image/input'
export type { Pipeline } from './image/pipeline'
export type { ModelInfo } from './info'
export { load, type Model } from './model'
export { type ExportedOnnx, exportOnnx } from './onnx/export'
export type {
  AttentionOptions,
  ClassifyOptions,
  ExportOptions,
  FeaturesOptions,
  ImageSize,
  LoadOptions,
  LoadProgress,
  PreprocessOptions,
  StreamOptions,
} from './options'
export type { PoolName } from './pooling'
export type { Features, StreamItem, StreamSource } from './results'
export type { FeatureTensor, NestedList, PixelTensor, Tensor } from './tensor'
