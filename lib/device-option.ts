// The option `device`: a name, or a name with settings. Before it: options-check.ts, which refuses what this cannot read; after it: device.ts.

/** A device with settings; `'cuda:1'` is short for `{ name: 'cuda:1' }`. */
export interface DeviceOptions {
  /** 'auto', 'cpu', 'ort-cpu', 'cuda', 'cuda:1', or another execution provider of ONNX Runtime. */
  name: string
  /** Bytes of device memory that ONNX Runtime may take (CUDA, TensorRT's workspace). */
  memoryLimit?: number | undefined
  /** Default false: CUDA multiplies fp32 as fp32. True is faster and rounds to 10 bits of mantissa. */
  tf32?: boolean | undefined
  /** Default false. True records the kernels of a run once and replays them; every size and batch is recorded on its own. */
  graphCapture?: boolean | undefined
  /** Most images of one run, 1…1024. Default 32, on ONNX Runtime's CPU provider 8. */
  batch?: number | undefined
  /** Further options of the provider, by its own names. */
  options?: Record<string, string | number | boolean> | undefined
}

export interface DeviceSettings {
  /** In lower case, without a number. */
  name: string
  /** As the caller wrote it. */
  label: string
  index: number | undefined
  memoryLimit: number | undefined
  tf32: boolean
  graphCapture: boolean
  batch: number | undefined
  options: Record<string, string>
}

const pattern = /^([a-z][a-z0-9_-]*)(?::(\d{1,3}))?$/i
const known = ['name', 'memoryLimit', 'tf32', 'graphCapture', 'batch', 'options']

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isInteger = (value: unknown, max: number) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max

/** The settings; a text that says what is wrong with the value. */
export function readDevice(value: unknown): DeviceSettings | string {
  const given = typeof value === 'string' ? { name: value } : value
  const shape = `a name like 'cuda' or 'cuda:1', or { ${known.join(', ')} }`
  if (!isRecord(given)) return shape
  const match = typeof given.name === 'string' ? pattern.exec(given.name) : null
  if (!match) return shape
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown !== undefined) return `${shape}, which has no '${unknown}'`
  const { memoryLimit, tf32, graphCapture, batch, options } = given
  if (memoryLimit !== undefined && !isInteger(memoryLimit, Number.MAX_SAFE_INTEGER)) return `${shape} with memoryLimit in bytes`
  for (const [key, flag] of Object.entries({ tf32, graphCapture })) {
    if (flag !== undefined && typeof flag !== 'boolean') return `${shape} with ${key} true or false`
  }
  if (batch !== undefined && !isInteger(batch, 1024)) return `${shape} with batch from 1 to 1024`
  const values = isRecord(options) ? Object.values(options) : []
  if (options !== undefined && !(isRecord(options) && values.every((entry) => ['string', 'number', 'boolean'].includes(typeof entry)))) {
    return `${shape} with options of texts, numbers or booleans`
  }
  return {
    name: match[1]!.toLowerCase(),
    label: given.name as string,
    index: match[2] === undefined ? undefined : Number(match[2]),
    memoryLimit: memoryLimit as number | undefined,
    tf32: tf32 === true,
    graphCapture: graphCapture === true,
    batch: batch as number | undefined,
    // ONNX Runtime spells true and false as 1 and 0.
    options: Object.fromEntries(
      Object.entries(isRecord(options) ? options : {}).map(([key, entry]) => [
        key,
        typeof entry === 'boolean' ? String(Number(entry)) : String(entry),
      ]),
    ),
  }
}
