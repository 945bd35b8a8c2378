// Golden tensors of a .safetensors file. Before it: parity.mjs.
import { readFileSync } from 'node:fs'

/** Name → { shape, data } with fp32 or uint8 values. */
export function readTensors(path) {
  const file = readFileSync(path)
  const start = 8 + Number(file.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(file.toString('utf8', 8, start))
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const bytes = new Uint8Array(file.subarray(start + from, start + to))
        if (dtype !== 'F32' && dtype !== 'U8') throw new Error(`${path}: ${name} is ${dtype}`)
        return [name, { shape, data: dtype === 'F32' ? new Float32Array(bytes.buffer) : bytes }]
      },
    ),
  )
}
