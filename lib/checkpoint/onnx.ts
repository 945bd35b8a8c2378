// An .onnx file as a checkpoint: what goes in and comes out by name, rank and shape, and what its config adds. Before it: open.ts; after it:
// onnx/read.ts, families/onnx.ts, and device.ts, which opens the session and gives the outputs as ONNX Runtime's shape inference knows them.
import { VitrineError } from '../errors'
import type { Size } from '../families/family'
import { type GraphConfig, readGraphConfig } from '../families/onnx'
import type { Pipeline } from '../image/pipeline'
import type { OnnxPort } from '../native'
import { type OnnxHeader, readOnnx } from '../onnx/read'
import { type PoolName, poolNames } from '../pooling'
import type { PoolBranch } from '../spec'
import type { JsonObject } from './json'
import type { Checkpoint } from './open'

/** Layout of the picture input, and the type in which values go into it. */
export interface PictureInput {
  name: string
  type: 'float32' | 'float16' | 'uint8'
  /** Images of one run where the graph fixes them. */
  batch: number | undefined
  /** Height and width where the graph fixes both. */
  size: Size | undefined
}

/** An ONNX graph, opened as far as its file goes; `checkpoint` makes the rest of the ports of its session. */
export interface OnnxFile {
  kind: 'onnx'
  file: string
  header: OnnxHeader
  input: PictureInput
  pipeline: Pipeline
  declared: JsonObject
  declaredName: string
  checkpoint(outputs: OnnxPort[]): OnnxCheckpoint
}

export interface OnnxCheckpoint extends Checkpoint {
  kind: 'onnx'
  /** The output [B, T, D] that `outs` does not hold. */
  tokensPort: string | undefined
}

interface Sidecar {
  config: JsonObject | undefined
  configName: string
}
type Given = Pick<OnnxFile, 'pipeline' | 'declared' | 'declaredName'>

/** ERR_CHECKPOINT_UNSUPPORTED where the graph wants anything but pictures; ERR_CHECKPOINT_INVALID, _TRUNCATED. */
export async function openOnnx(file: string, { config, configName }: Sidecar, given: (image: Size) => Given): Promise<OnnxFile> {
  const header = await readOnnx(file)
  const input = pictureInput(file, header)
  const said = readGraphConfig(config, configName)
  // Where nothing says a size, what nearly every published model runs at; a picture at another one is refused by the graph itself.
  const imageSize = input.size ?? said.image ?? { height: 224, width: 224 }
  const parts = given(imageSize)
  return {
    ...{ kind: 'onnx', file, header, input, ...parts },
    checkpoint: (outputs) => describe(file, header, input, imageSize, said, configName, parts, outputs),
  }
}

const shown = ({ name, type, dims }: OnnxPort) => `${name} ${type} [${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`
const list = (ports: OnnxPort[]) => ports.map(shown).join('; ') || 'none'

function pictureInput(file: string, { inputs }: OnnxHeader): PictureInput {
  const refuse = (why: string) =>
    new VitrineError(
      'ERR_CHECKPOINT_UNSUPPORTED',
      `${file}: ${why}: expected one input of pixel values [batch, 3, height, width] in float32 or float16, or of pixels [batch, height, width, 3] in uint8; found ${list(inputs)}`,
    )
  const fixed = (dim: number | string | undefined) => (typeof dim === 'number' && dim > 0 ? dim : undefined)
  const pictures = inputs.flatMap(({ name, type, dims }): PictureInput[] => {
    const planes = type === 'float32' || type === 'float16'
    if (dims.length !== 4 || (!planes && type !== 'uint8')) return []
    const [channels, height, width] = planes ? [dims[1], dims[2], dims[3]] : [dims[3], dims[1], dims[2]]
    // A graph may leave its channels open; anything but 3 is another kind of picture.
    if (typeof channels === 'number' && channels !== 3) return []
    const [h, w] = [fixed(height), fixed(width)]
    const kind = type as PictureInput['type']
    return [{ name, type: kind, batch: fixed(dims[0]), size: h !== undefined && w !== undefined ? { height: h, width: w } : undefined }]
  })
  const [picture, ...more] = pictures
  if (!picture) throw refuse('its graph has no input for pictures')
  const others = inputs.filter(({ name }) => name !== picture.name)
  if (more.length > 0 || others.length > 0) {
    const text = others.some(({ name }) => /input_ids|attention_mask/.test(name))
    throw refuse(
      `its graph wants more than a picture${text ? " (a model of images and texts; its vision tower alone is often called vision_model.onnx, which the option 'file' takes)" : ''}`,
    )
  }
  return picture
}

/** Names of an output [B, D] that is the model's own pooled vector, the best first. */
const pooledNames = ['pooled', 'image_embeds', 'pooler_output']

function describe(
  file: string,
  header: OnnxHeader,
  input: PictureInput,
  imageSize: Size,
  config: GraphConfig,
  configName: string,
  given: Given,
  outputs: OnnxPort[],
): OnnxCheckpoint {
  const ofRank = (rank: number) => outputs.filter(({ dims, type }) => dims.length === rank && /^(b?float16|float32)$/.test(type))
  const width = (port: OnnxPort) => {
    const last = port.dims.at(-1)
    return typeof last === 'number' && last > 0 ? last : undefined
  }
  // Rows of tokens: by name, else the only output of three axes.
  const rows = ofRank(3)
  const tokensPort =
    rows.find(({ name }) => name === 'tokens') ??
    rows.find(({ name }) => name === 'last_hidden_state') ??
    (rows.length === 1 ? rows[0] : undefined)
  const vectors = ofRank(2).filter((port) => width(port) !== undefined)
  const named = (name: string) => vectors.find((port) => port.name === name)
  const logits = named('logits')
  const ready = poolNames.flatMap((pool): [PoolName, OnnxPort][] => {
    const port = pool === 'pooled' || pool === 'logits' || pool === 'tokens' ? undefined : (named(pool) ?? named(pool.replace('+', '_')))
    return port ? [[pool, port]] : []
  })
  const rest = vectors.filter((port) => port !== logits && !ready.some(([, taken]) => taken === port))
  const known = pooledNames.map((name) => rest.find((port) => port.name === name)).find((port) => port !== undefined)
  const pooled = known ?? (rest.length === 1 ? rest[0] : undefined)

  const outs: { name: string; out: number }[] = []
  const branch = (port: OnnxPort): PoolBranch[] => [{ terms: [], head: outs.push({ name: port.name, out: width(port)! }) - 1 }]

  const { layout } = config
  // `tokens` is vitrine's own name (onnx/export.ts): after the final norm whatever the model.
  const unnormed = layout?.unnormed === true && tokensPort?.name !== 'tokens'
  const usable = tokensPort !== undefined && !unnormed
  const prefixRows = layout?.prefixRows
  const stored = tokensPort?.dims[1]
  const tokens = typeof stored === 'number' && stored > 0 ? stored : undefined
  if (tokensPort && layout && config.patch && input.size && tokens !== undefined) {
    const patches = Math.floor(input.size.height / config.patch.height) * Math.floor(input.size.width / config.patch.width)
    if (layout.prefixRows + patches !== tokens) {
      throw new VitrineError(
        'ERR_CONFIG_MISMATCH',
        `${configName} contradicts ${file}: model_type ${config.name} with patches of ${config.patch.height}×${config.patch.width} means ${layout.prefixRows} + ${patches} tokens, and the graph gives ${tokens}`,
      )
    }
  }
  if (logits && config.labels && config.labels.length !== width(logits)) {
    throw new VitrineError(
      'ERR_CONFIG_MISMATCH',
      `${configName} contradicts ${file}: id2label names ${config.labels.length} classes, and the graph's logits are ${width(logits)}`,
    )
  }
  const reasons = [`of its graph vitrine sees the outputs ${list(outputs)}`]
  if (unnormed && tokensPort) reasons.push(`${config.name} gives ${tokensPort.name} before its final norm`)
  else if (tokensPort && !layout)
    reasons.push('which of its tokens are patches would be in a config.json with a model_type that vitrine knows')
  const unsized = ofRank(2).filter((port) => width(port) === undefined)
  if (unsized.length > 0)
    reasons.push(`how wide ${unsized.map(({ name }) => name).join(', ')} is, neither the file nor this ONNX Runtime says; a newer one may`)
  if (!pooled && rest.length > 1) reasons.push('which of several is the pooled one is not to be seen')
  const of = <K extends string>(name: K, port: OnnxPort | undefined) => (port ? ({ [name]: branch(port) } as Record<K, PoolBranch[]>) : {})
  const types = ['float32', 'float16', 'bfloat16', 'float64', 'int8', 'uint8', 'int4', 'uint4'].map((type) => header.stored.get(type))
  return {
    kind: 'onnx',
    family: config.name ?? 'onnx',
    file,
    parameters: types.reduce((sum, entry) => sum + (entry?.values ?? 0), 0),
    imageSize,
    hasCls: layout?.cls ?? false,
    ...of('pooled', pooled),
    ...of('logits', logits),
    ready: Object.fromEntries(ready.map(([pool, port]) => [pool, branch(port)])),
    because: reasons.join('; '),
    ...(logits && config.labels && { labels: config.labels }),
    tokensPort: usable ? tokensPort.name : undefined,
    shape: {
      dim: (usable ? width(tokensPort) : undefined) ?? config.dim,
      layers: config.layers,
      heads: config.heads,
      patch: config.patch,
      prefixRows,
      tokens: usable,
      blocks: false,
      outs,
      fixed: input.size && { size: input.size, tokens },
    },
    ...given,
  }
}
