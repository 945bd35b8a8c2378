// ONNX Runtime's execution providers: their names, and the device option in the keys that each understands. Before it: device.ts; after it:
// sessions.ts.

import type { DeviceSettings } from '../device-option'
import { VitrineError } from '../errors'

/** As ONNX Runtime spells them, by the name that `device` has. A provider that is not here is passed through as it is written. */
const spelled: Readonly<Record<string, string>> = {
  ...{ cpu: 'CPU', cuda: 'CUDA', tensorrt: 'Tensorrt', coreml: 'CoreML', dml: 'Dml', openvino: 'OpenVINO', webgpu: 'WebGpu' },
  ...{ rocm: 'ROCM', migraphx: 'MIGraphX', qnn: 'QNN', xnnpack: 'Xnnpack', dnnl: 'Dnnl', cann: 'CANN', nnapi: 'Nnapi' },
}

const plainName = (provider: string) => provider.replace(/ExecutionProvider$/, '').toLowerCase()

/** CUDAExecutionProvider for 'cuda'. */
export const providerName = (name: string) => `${Object.hasOwn(spelled, name) ? spelled[name] : name}ExecutionProvider`

/** The provider of a library that a device name means; undefined where it does not have it. */
export const findProvider = (providers: readonly string[], name: string) => providers.find((provider) => plainName(provider) === name)

/** Providers that are libraries of their own: a build names them whether their library lies beside it or not. */
const apart = ['cuda', 'tensorrt', 'openvino', 'dnnl', 'vitisai', 'migraphx', 'rocm', 'cann']

/** Names of a library's providers as `device` takes them, without those whose own library is not among `beside`. */
export const deviceNames = (providers: readonly string[], beside: readonly string[]) =>
  providers
    .map(plainName)
    .filter((name) => !apart.includes(name) || beside.includes(name))
    .map((name) => (name === 'cpu' ? 'ort-cpu' : name))

type Setting = 'index' | 'memoryLimit' | 'tf32' | 'graphCapture'
type Keys = Partial<Record<Setting, string>>

/** Keys of the settings that a provider has; the others are refused for it. */
const keys: Readonly<Record<string, Keys>> = {
  cuda: { index: 'device_id', memoryLimit: 'gpu_mem_limit', tf32: 'use_tf32', graphCapture: 'enable_cuda_graph' },
  tensorrt: { index: 'device_id', memoryLimit: 'trt_max_workspace_size', graphCapture: 'trt_cuda_graph_enable' },
  rocm: { index: 'device_id', memoryLimit: 'gpu_mem_limit' },
  migraphx: { index: 'device_id' },
  dml: { index: 'device_id' },
}
/** What is set where the caller says nothing. cuDNN's exhaustive search takes seconds for every new batch size. */
const defaults: Readonly<Record<string, Record<string, string>>> = { cuda: { cudnn_conv_algo_search: 'HEURISTIC' } }

/** CUDA's matrix products are rounded to TF32 unless use_tf32 says no, which releases before this one do not know. */
const TF32_SINCE = 18

/** Has SkipLayerNormalization sum in float32 whatever its type: DINOv2's large activations ask for it. As old as the graphs' operators. */
const STRICT_NORM_SINCE = 16

/** ERR_OPTION_INVALID for a setting that the provider does not have; ERR_DEVICE_UNAVAILABLE where a library is too old for one. */
export function providerOptions(provider: string, settings: DeviceSettings, version: string): Record<string, string> {
  const { name, index, memoryLimit, tf32, graphCapture, options } = settings
  const own = keys[provider] ?? {}
  const out: Record<string, string> = { ...defaults[provider] }
  const set = (setting: Setting, value: string | undefined) => {
    if (value === undefined) return
    const key = own[setting]
    if (key === undefined) {
      const said = setting === 'index' ? `a number behind it (${name}:${value})` : `the setting ${setting}`
      throw new VitrineError(
        'ERR_OPTION_INVALID',
        `load(): device '${name}' does not take ${said}: give the provider's own key in { name: '${name}', options: { … } }`,
      )
    }
    out[key] = value
  }
  set('index', index === undefined ? undefined : String(index))
  set('memoryLimit', memoryLimit === undefined ? undefined : String(memoryLimit))
  set('graphCapture', graphCapture ? '1' : undefined)
  const minor = /^1\.(\d+)\./.exec(version)?.[1]
  if (provider === 'cuda' && !tf32 && minor !== undefined && Number(minor) < TF32_SINCE) {
    throw new VitrineError(
      'ERR_DEVICE_UNAVAILABLE',
      `device 'cuda': ONNX Runtime ${version} cannot keep fp32 from being rounded to TF32, 1.${TF32_SINCE} or newer can: install one, or accept it with { name: 'cuda', tf32: true }`,
    )
  }
  if (provider === 'cuda' && minor !== undefined && Number(minor) >= STRICT_NORM_SINCE) out.enable_skip_layer_norm_strict_mode = '1'
  if (provider === 'cuda' || tf32) set('tf32', tf32 ? '1' : '0')
  return { ...out, ...options }
}
