// transformers DINOv2 with registers: tokens without a position between CLS and the patches. Before it: index.ts; after it: dinov2.ts.
import { Config } from './config'
import { names as dinov2Names, readDinov2 } from './dinov2'
import { type EncoderNames, View } from './encoder'
import type { Family } from './family'

const registers = ['embeddings.register_tokens']
const prefix = 'dinov2_with_registers.'
const names: EncoderNames = { ...dinov2Names, prefix: [...dinov2Names.prefix, { names: registers, position: false }] }

export const dinov2WithRegisters: Family = {
  name: 'dinov2_with_registers',
  modelTypes: ['dinov2_with_registers'],
  read(source) {
    const config = new Config(source.config ?? {}, source.configName)
    const expected = config.count('num_register_tokens', 4)
    const found = View.under(source.tensors, [prefix]).shape(registers).at(-2) ?? 0
    if (found !== expected) throw config.mismatch('num_register_tokens', `${expected} registers`, `${found}`)
    return readDinov2(source, { prefix, names, patch: 16, antialias: true })
  },
}
