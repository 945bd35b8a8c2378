// The public types, checked by the compiler alone: what options give, what is refused. Every @ts-expect-error must be one.
import type {
  Classification,
  FeaturesOptions,
  FeatureTensor,
  LoadOptions,
  Model,
  ModelInfo,
  PixelTensor,
  PoolName,
  StreamItem,
  VitrineError,
} from '../../lib/index'
import { type errorCodes, load } from '../../lib/index'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._: Equal<A, B> extends true ? [] : [never]) => {}

export async function results(model: Model) {
  const one = await model.features('a.jpg')
  same<typeof one, FeatureTensor>()
  same<(typeof one)['data'], Float32Array>()
  same<(typeof one)['type'], 'float32'>()
  same<(typeof one)['dims'], readonly number[]>()

  same<Awaited<ReturnType<typeof model.features<{ pool: 'mean' }>>>, FeatureTensor>()
  const several = await model.features(['a.jpg'], { pool: ['cls', 'tokens'] })
  same<typeof several, FeatureTensor[]>()
  const layers = await model.features('a.jpg', { layers: [4, -1] })
  same<typeof layers, FeatureTensor[]>()
  const both = await model.features('a.jpg', { layers: [4, -1], pool: ['cls', 'mean'] })
  same<typeof both, FeatureTensor[][]>()
  const options: FeaturesOptions = { pool: 'cls', normalize: true, signal: new AbortController().signal, timeoutMs: 100 }
  await model.features(new URL('file:///a.jpg'), options)

  const errors = (await model.features(['a.jpg'], { errors: 'collect' })).errors
  same<typeof errors, readonly (VitrineError | null)[] | undefined>()

  same<Awaited<ReturnType<Model['classify']>>, Classification[][]>()
  same<Awaited<ReturnType<Model['attention']>>, FeatureTensor>()
  same<Awaited<ReturnType<Model['preprocess']>>, PixelTensor>()
  same<PixelTensor['data'], Uint8Array>()
  same<Model['info'], ModelInfo>()
  same<ModelInfo['pools'], PoolName[]>()
}

export async function inputs(model: Model, sources: AsyncIterable<string>) {
  await model.features(Buffer.from(''))
  await model.features([new Uint8Array(1), new Blob([]), 'a.jpg', new ArrayBuffer(1)])
  await model.features({ data: new Uint8Array(12), width: 2, height: 2, channels: 3 })
  await model.features({ type: 'float32', dims: [1, 3, 224, 224], data: new Float32Array(1) })
  for await (const item of model.stream(sources, { pool: ['cls'], inFlight: 2 })) {
    same<typeof item, StreamItem<{ readonly pool: readonly ['cls']; readonly inFlight: 2 }>>()
    if (item.error) same<typeof item.error, VitrineError>()
    else same<typeof item.features, FeatureTensor[]>()
  }
  for await (const { features } of model.stream(['a.jpg'])) same<typeof features, FeatureTensor | undefined>()
}

export async function loading() {
  same<Awaited<ReturnType<typeof load>>, Model>()
  const options: LoadOptions = { device: 'cpu', dtype: 'fp32', threads: 2, preprocess: { crop: null }, imageSize: { height: 1, width: 2 } }
  await using model = await load('folder', options)
  await load('folder', { device: 'cuda:1', dtype: 'fp16' })
  await load('model.onnx', {
    device: { name: 'cuda', memoryLimit: 2 ** 30, tf32: true, graphCapture: true, batch: 8, options: { key: 'value' } },
  })
  same<(typeof model)['info']['device'], string>()
  same<(typeof model)['info']['deviceNote'], string | undefined>()
  same<(typeof model)['info']['layers'], number | undefined>()
  await load({ progress: ({ stage, loaded, total }) => void [stage, loaded / total] })
  await load(new URL('file:///checkpoint'))
  same<keyof typeof errorCodes, VitrineError['code']>()
  return model.info
}

export async function refused(model: Model) {
  // @ts-expect-error no such pool
  await model.features('a.jpg', { pool: 'max' })
  // @ts-expect-error no such pool among several
  await model.features('a.jpg', { pool: ['cls', 'max'] })
  // @ts-expect-error layers are an array
  await model.features('a.jpg', { layers: 4 })
  // @ts-expect-error a number is no image
  await model.features(5)
  // @ts-expect-error two channels
  await model.features({ data: new Uint8Array(8), width: 2, height: 2, channels: 2 })
  // @ts-expect-error pixel values are one batch, not one of several images
  await model.features([{ type: 'float32', dims: [1, 3, 2, 2], data: new Float32Array(12) }])
  // @ts-expect-error a dtype that vitrine does not know
  await load('folder', { dtype: 'fp64' })
  // @ts-expect-error a device without a name
  await load('folder', { device: { memoryLimit: 5 } })
  // @ts-expect-error an option that does not exist
  await load('folder', { quantized: true })
  // @ts-expect-error info is not to be written
  model.info = {} as ModelInfo
  // @ts-expect-error stream takes no timeoutMs
  model.stream(['a.jpg'], { timeoutMs: 5 } satisfies import('../../lib/index').StreamOptions)
}
