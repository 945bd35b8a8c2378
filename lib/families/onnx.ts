// What a config.json says about an ONNX graph's `last_hidden_state`: which of its rows are tokens before the patches, and whether the final
// norm is in it. A graph itself does not say. Before it: checkpoint/onnx.ts; after it: config.ts. A table by `model_type`, as transformers'
// models give their tokens; test/checkpoint/onnx.test.ts holds it against the families that read weights.
import type { JsonObject } from '../checkpoint/json'
import { Config } from './config'
import type { Size } from './family'

interface Layout {
  /** Whether token 0 is a CLS token. */
  cls: boolean
  /** Tokens before the patches. */
  prefix(config: Config): number
  /** Default of `patch_size`. */
  patch: number
  /** Set where last_hidden_state is taken before the final norm, so that no pool of it is what vitrine's own would be. */
  unnormed?: true
  /** Field that holds the vision tower's config in a composite one. */
  nested?: string
}

const one = () => 1
const none = () => 0
const clip: Layout = { cls: true, prefix: one, patch: 32, unnormed: true }
const siglip: Layout = { cls: false, prefix: none, patch: 16 }
const layouts: Readonly<Record<string, Layout>> = {
  vit: { cls: true, prefix: one, patch: 16 },
  deit: { cls: true, prefix: () => 2, patch: 16 },
  dinov2: { cls: true, prefix: one, patch: 14 },
  dinov2_with_registers: { cls: true, prefix: (config) => 1 + config.count('num_register_tokens', 4), patch: 16 },
  dinov3_vit: { cls: true, prefix: (config) => 1 + config.count('num_register_tokens', 0), patch: 16 },
  beit: { cls: true, prefix: one, patch: 16 },
  'data2vec-vision': { cls: true, prefix: one, patch: 16 },
  vit_msn: { cls: true, prefix: one, patch: 16 },
  ijepa: { cls: false, prefix: none, patch: 14 },
  clip: { ...clip, nested: 'vision_config' },
  clip_vision_model: clip,
  siglip: { ...siglip, nested: 'vision_config' },
  siglip_vision_model: siglip,
}

export interface GraphConfig {
  /** model_type, or timm's architecture. */
  name: string | undefined
  layout: { cls: boolean; prefixRows: number; unnormed: boolean } | undefined
  dim: number | undefined
  layers: number | undefined
  heads: number | undefined
  patch: Size | undefined
  image: Size | undefined
  labels: string[] | undefined
}

/** Everything that a config says and the calls can use; of a model_type that is not in the table, its name and labels. */
export function readGraphConfig(object: JsonObject | undefined, file: string): GraphConfig {
  const top = new Config(object ?? {}, file)
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const type = text(object?.model_type)
  const layout = type !== undefined && Object.hasOwn(layouts, type) ? layouts[type] : undefined
  const config = layout?.nested === undefined ? top : top.nested(layout.nested)
  const integer = (field: string) => (layout && config.has(field) ? config.integer(field, 1) : undefined)
  return {
    name: type ?? text(object?.architecture),
    layout: layout && { cls: layout.cls, prefixRows: layout.prefix(config), unnormed: layout.unnormed ?? false },
    dim: integer('hidden_size'),
    layers: integer('num_hidden_layers'),
    heads: integer('num_attention_heads'),
    patch: layout && config.size('patch_size', layout.patch),
    image: layout && config.size('image_size', 224),
    labels: top.labels(),
  }
}
