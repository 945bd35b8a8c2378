// A checkpoint → an .onnx file. Before it: the caller, or cli/export.ts; after it: checkpoint/open.ts, graph.ts, values.ts, file.ts.
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { readObject } from '../checkpoint/json'
import { openCheckpoint } from '../checkpoint/open'
import { VitrineError } from '../errors'
import { readGraphConfig } from '../families/onnx'
import type { ExportOptions } from '../options'
import { checkOptions } from '../options-check'
import { availablePools, type PoolName, poolBranches } from '../pooling'
import { asSize, checkSize, defaultSize, pipelineAt } from '../size'
import { locate } from '../source'
import type { EncoderSpec, PoolBranch } from '../spec'
import { companionFolder, writeCompanions } from './companions'
import { dataFile, refuseExisting, writeModel } from './file'
import { buildGraph, type GraphOptions } from './graph'
import { WeightReader } from './values'

export interface ExportedOnnx {
  /** The files written, the model last, with their sizes; then those beside it. */
  files: { path: string; bytes: number }[]
  /** config.json and the like, where the folder had none. */
  companions: string[]
  /** Names of the graph's outputs, by pool. */
  outputs: Partial<Record<PoolName, string>>
}

/**
 * Writes a checkpoint as an ONNX graph that ONNX Runtime, transformers.js and load() open: `pixel_values` float32 [batch, 3, height, width]
 * in, already normalised; float32 out. Opset 17, any batch, one image size.
 *
 * Outputs are called as transformers calls them: `last_hidden_state` (tokens), `pooler_output`, or `image_embeds` where the model's own vector
 * is a projection, and `logits`; beside them `cls`, `mean` and `cls_mean`. Where transformers' last_hidden_state is taken before the final norm
 * (CLIP), it is there as transformers gives it, and `tokens` are those after the norm. Files have their names only when they are whole.
 *
 * Rejects with the errors of load() for the checkpoint, ERR_OPTION_… , ERR_POOL_UNAVAILABLE, ERR_IMAGE_SIZE, ERR_DTYPE_UNAVAILABLE (a weight
 * that float16 cannot hold), ERR_FILE_WRITE; with `signal.reason` when aborted.
 */
export async function exportOnnx(source: string | URL | undefined, path: string, options?: ExportOptions): Promise<ExportedOnnx> {
  const checked = checkOptions('export', options, 'exportOnnx()')
  const { dtype, imageSize, signal, progress } = checked
  if (typeof path !== 'string' || !path.endsWith('.onnx'))
    throw new VitrineError('ERR_OPTION_INVALID', `exportOnnx(): the file must have a name that ends in .onnx, found ${String(path)}`)
  if (dtype !== 'fp32' && dtype !== 'fp16')
    throw new VitrineError('ERR_DTYPE_UNAVAILABLE', `exportOnnx(): dtype '${dtype}' is not available: expected 'fp32' or 'fp16'`)
  signal?.throwIfAborted()

  const place = locate(source)
  progress?.({ stage: 'open', loaded: 0, total: 0 })
  const opened = await openCheckpoint(place, { file: checked.file, heads: checked.heads, preprocess: checked.preprocess })
  const checkpoint = { ...opened, pipeline: pipelineAt(opened.pipeline, imageSize) }
  const { spec } = checkpoint
  const size = imageSize === undefined ? defaultSize(checkpoint) : asSize(imageSize)
  checkSize(checkpoint.shape, size, imageSize === undefined ? 'image size' : 'imageSize')
  const pools = checked.outputs === undefined ? availablePools(checkpoint) : [checked.outputs].flat()
  const folder = (await stat(place)).isDirectory() ? place : dirname(place)
  const { layout } = readGraphConfig(await readObject(join(folder, 'config.json')), 'config.json')
  const unnormed = layout?.unnormed ?? false
  const outputs = Object.fromEntries(pools.map((pool) => [pool, outputName(pool, poolBranches(pool, checkpoint), spec, unnormed)]))
  const named = pools.map((pool): [string, PoolBranch[]] => [outputs[pool]!, poolBranches(pool, checkpoint)])
  if (outputs.tokens === 'tokens')
    named.unshift(['last_hidden_state', [{ terms: [{ row: 0, count: -1, mean: false, afterNorm: false }], head: -1 }]])
  const graph = buildGraph(spec, {
    input: 'float32',
    outputs: poolOutputs(named),
    type: dtype === 'fp16' ? 'float16' : 'float32',
    fused: checked.fused,
    position: 'weight',
    size,
  })
  if (!checked.force) await refuseExisting([path, dataFile(path)])

  const reader = await WeightReader.open(spec)
  try {
    const files = await writeModel(graph, path, {
      external: checked.external,
      text: { producerVersion: version() },
      read: (weight) => reader.bytes(weight),
      step(loaded, total) {
        signal?.throwIfAborted()
        progress?.({ stage: 'weights', loaded, total })
      },
      whole: () => reader.checkUnchanged(),
    })
    const companions = await writeCompanions(
      folder,
      companionFolder(resolve(path)),
      checkpoint.pipeline,
      imageSize === undefined ? undefined : size,
    )
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    progress?.({ stage: 'ready', loaded: bytes, total: bytes })
    return { files, companions, outputs }
  } finally {
    await reader.close()
  }
}

/** What transformers calls it; where its last_hidden_state is another one, the tokens are `tokens`. A head called a projection makes an embedding. */
function outputName(pool: PoolName, branches: PoolBranch[], spec: EncoderSpec, unnormed: boolean): string {
  if (pool === 'tokens') return unnormed ? 'tokens' : 'last_hidden_state'
  if (pool === 'pooled')
    return branches.some(({ head }) => spec.headsOut[head]?.name.includes('projection')) ? 'image_embeds' : 'pooler_output'
  return pool.replace('+', '_')
}

const poolOutputs = (named: [string, PoolBranch[]][]): GraphOptions['outputs'] =>
  Object.fromEntries(named.map(([name, branches]) => [name, { kind: 'pool', branches, normalize: false, layer: -1 }]))

function version(): string {
  const file = join(__dirname, '..', '..', 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
