// Sessions of ONNX Runtime as an engine: built when a call first needs one, shared by all calls, each built once. Before it: device.ts, which
// says where and how to run; after it: graph.ts for weights that a family gave roles, then native.ts.
import { createHash } from 'node:crypto'
import type { OnnxCheckpoint, OnnxFile } from '../checkpoint/onnx'
import type { SpecCheckpoint } from '../checkpoint/open'
import { type Engine, type EngineInfo, IN_FLIGHT_PER_THREAD, type InputKind, type Runner } from '../engine'
import { VitrineError } from '../errors'
import { fromNative, type NativeOnnxModel, native, type OnnxModelSource, type OnnxNormalise, type OnnxOutput } from '../native'
import { availablePools, type PoolName, poolBranches } from '../pooling'
import type { MergeSchedule, Output, PoolBranch } from '../spec'
import { externalParts } from './external'
import { buildGraph, type FloatType } from './graph'
import { modelBytes } from './proto'

/** Where sessions run: what every one of a model shares. */
export interface Target {
  library: string
  provider: { name: string; options: Record<string, string> }
  threads: number
  batch: number
  graphCapture: boolean
}

/** One session: what it is called among those of the model, how it is described, and its outputs for a call. */
interface Wanted {
  name: string
  source(): Promise<OnnxModelSource>
  outputs: OnnxOutput[]
}

interface Session {
  model: Promise<NativeOnnxModel>
  /** Calls that were given it and have not ended. */
  users: number
}

/** Sessions for chosen layers that are kept while others come. */
const LAYER_SESSIONS = 2

export class SessionEngine implements Engine {
  readonly #sessions: Map<string, Session>
  constructor(
    readonly info: EngineInfo,
    private readonly target: Target,
    private readonly normalise: OnnxNormalise,
    private readonly want: (kind: InputKind, outputs: Output[]) => Wanted,
    begun: [string, Session][] = [],
  ) {
    this.#sessions = new Map(begun)
  }

  /** Two runs' worth, so that pictures are decoded while the device computes. */
  get inFlight(): number {
    return Math.max(2 * this.target.batch, IN_FLIGHT_PER_THREAD * this.info.threads)
  }

  async prepare(kind: InputKind, outputs: Output[], merging?: MergeSchedule): Promise<Runner> {
    if (merging) {
      throw new VitrineError(
        'ERR_OPTION_INVALID',
        `option 'tokenMerging' is of vitrine's own engine: device '${this.info.device}' runs ONNX Runtime, which does not merge tokens; load with device: 'cpu'`,
      )
    }
    const wanted = this.want(kind, outputs)
    const session = this.#session(wanted)
    session.users++
    try {
      const model = await session.model
      // Of the session that load() waits for; every other one has the same weights.
      this.info.weightBytes ||= model.weightBytes
      const { normalise } = this
      return {
        run: (image, sinks, row, burst) => model.run(image, wanted.outputs, sinks, row, { burst, normalise }),
        done: () => {
          session.users--
        },
      }
    } catch (error) {
      session.users--
      throw error
    }
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()]
    this.#sessions.clear()
    await Promise.all(sessions.map(letGo))
  }

  /** Begun at once, so that calls of the same turn share it; a failure is not kept. */
  #session(wanted: Wanted): Session {
    const known = this.#sessions.get(wanted.name)
    if (known) return known
    this.#makeRoom(wanted.name)
    const session: Session = { model: wanted.source().then(loadSession), users: 0 }
    this.#sessions.set(wanted.name, session)
    session.model.catch(() => {
      if (this.#sessions.get(wanted.name) === session) this.#sessions.delete(wanted.name)
    })
    return session
  }

  /** Each session holds the weights on the device: those for layers that nobody asks for any more are let go. */
  #makeRoom(name: string): void {
    if (!isLayers(name)) return
    const idle = [...this.#sessions].filter(([other, { users }]) => isLayers(other) && users === 0)
    for (const [other, session] of idle.slice(0, Math.max(0, idle.length - LAYER_SESSIONS + 1))) {
      this.#sessions.delete(other)
      void letGo(session)
    }
  }
}

const isLayers = (name: string) => name.startsWith('layers ')
const letGo = ({ model }: Session) => model.then((loaded) => loaded.close()).catch(() => {})

export async function loadSession(source: OnnxModelSource): Promise<NativeOnnxModel> {
  try {
    return await native().loadOnnxModel(source).promise
  } catch (cause) {
    const error = fromNative(cause)
    throw error instanceof VitrineError ? new VitrineError(error.code, plainWords(error.message), { cause }) : error
  }
}

/** What ONNX Runtime says, without the places and functions of its own source, and in one line. */
export const plainWords = (message: string) =>
  message
    .replace(/\/\S*onnxruntime\/core\/\S+:\d+ [^()]*\([^()]*\)\S* /g, '')
    .replace(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replace(/\s+/g, ' ')
    .trim()

/** Names everything that makes two sessions differ; bigints are the stamps of files. */
function keyOf(source: Omit<OnnxModelSource, 'key'>): string {
  const model = typeof source.model === 'string' ? source.model : createHash('sha256').update(source.model).digest('hex')
  const text = JSON.stringify({ ...source, model }, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  return createHash('sha256').update(text).digest('hex')
}
const withKey = (source: Omit<OnnxModelSource, 'key'>): OnnxModelSource => ({ key: keyOf(source), ...source })

export interface SpecSessions {
  type: FloatType
  fused: boolean
  /** Whether pictures go to the device as bytes, in sessions of their own, and are normalised there. */
  bytes: boolean
}

const same = (branches: PoolBranch[]) => JSON.stringify(branches)

/** Sessions of graphs that graph.ts writes of the checkpoint's spec. */
export function specEngine(checkpoint: SpecCheckpoint, info: EngineInfo, target: Target, how: SpecSessions): SessionEngine {
  const { spec, file } = checkpoint
  const pools = new Map<string, PoolName>(availablePools(checkpoint).map((name) => [same(poolBranches(name, checkpoint)), name]))
  const branchesOf = (name: PoolName) => poolBranches(name, checkpoint)

  const source = async (input: 'float32' | 'uint8', outputs: Record<string, Output>): Promise<OnnxModelSource> => {
    const { position } = spec
    const graph = buildGraph(spec, { input, inputName: 'pixel_values', outputs, type: how.type, fused: how.fused, position: 'input' })
    // Nothing lies at this place: the session is given every one of these weights before it looks.
    const model = modelBytes(graph, () => ({ location: 'weights', offset: 0, length: 0 }))
    return withKey({
      ...target,
      model,
      files: spec.files,
      ...(spec.stamps && { stamps: spec.stamps }),
      weights: graph.weights.map(({ name, dims, tensor, transpose, type }) => ({ name, dims, tensor, transpose, type })),
      ...(position && {
        position: {
          input: 'position',
          table: position.table,
          dim: spec.dim,
          prefixRows: spec.prefix.reduce((rows, token) => rows + (token.position ? token.rows : 0), 0),
          gridHeight: position.gridHeight,
          gridWidth: position.gridWidth,
          resize: position.resize,
          patchHeight: spec.patchHeight,
          patchWidth: spec.patchWidth,
        },
      }),
      input: 'pixel_values',
    })
  }

  const want = (kind: InputKind, outputs: Output[]): Wanted => {
    const input = kind === 'picture' && how.bytes ? 'uint8' : 'float32'
    const [first] = outputs
    if (first?.kind === 'attention') {
      const attention: Record<string, Output> = { attention: { kind: 'attention' } }
      return { name: `attention ${input}`, source: () => source(input, attention), outputs: [{ port: 'attention', normalize: false }] }
    }
    const asked = outputs.filter((output) => output.kind === 'pool')
    const layers = [...new Set(asked.map(({ layer }) => layer))].sort((a, b) => a - b)
    const port = (pool: PoolName, layer: number) => (layer === -1 ? pool : `${pool}@${layer}`)
    // Every pool of the layers: a session serves whatever is asked of them, and what a call does not ask for stays on the device.
    const every = layers.flatMap((layer) =>
      [...pools.values()].map((pool): [string, Output] => [
        port(pool, layer),
        { kind: 'pool', branches: branchesOf(pool), normalize: false, layer },
      ]),
    )
    const only = layers.every((layer) => layer === -1)
    return {
      name: only ? `pools ${input}` : `layers ${layers} ${input}`,
      source: () => source(input, Object.fromEntries(every)),
      outputs: asked.map(({ branches, layer, normalize }) => {
        const pool = pools.get(same(branches))
        if (pool === undefined) throw new VitrineError('ERR_INTERNAL', `${file}: no pool has the branches ${same(branches)}`)
        return { port: port(pool, layer), normalize }
      }),
    }
  }
  const { mean, std, rescale } = spec
  return new SessionEngine(info, target, { mean, std, rescale }, want)
}

/** How a file's session is opened; also before its checkpoint is known, whose outputs are the session's. */
export async function fileSource(opened: OnnxFile, target: Target): Promise<OnnxModelSource> {
  const { header, input } = opened
  const batch = input.batch ?? target.batch
  return withKey({ ...target, batch, ...(await externalParts(opened.file, header)), input: input.name })
}

/** The one session of a graph that somebody else wrote, opened already. `bytes`: its input is uint8. */
export function fileEngine(
  checkpoint: OnnxCheckpoint,
  bytes: boolean,
  session: NativeOnnxModel,
  info: EngineInfo,
  target: Target,
): SessionEngine {
  const { mean, std, rescaleFactor: rescale } = checkpoint.pipeline
  const want = (kind: InputKind, outputs: Output[]): Wanted => {
    if (bytes && kind === 'pixels') {
      throw new VitrineError(
        'ERR_IMAGE_UNSUPPORTED',
        `${checkpoint.file} takes pictures as bytes, which it normalises itself; found pixel values`,
      )
    }
    return {
      name: 'file',
      source: () => Promise.reject(new VitrineError('ERR_MODEL_CLOSED', 'the model was closed')),
      outputs: outputs.map(port),
    }
  }
  const port = (output: Output): OnnxOutput => {
    if (output.kind !== 'pool') throw new VitrineError('ERR_INTERNAL', `${checkpoint.file}: a graph has no output '${output.kind}'`)
    const branch = output.branches[0]!
    if (branch.head !== -1) return { port: checkpoint.shape.outs[branch.head]!.name, normalize: output.normalize }
    return { port: checkpoint.tokensPort!, terms: branch.terms, normalize: output.normalize }
  }
  return new SessionEngine(info, target, { mean, std, rescale }, want, [['file', { model: Promise.resolve(session), users: 0 }]])
}
