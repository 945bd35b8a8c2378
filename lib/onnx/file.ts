// A model on the disk: one file, or a small one and the weights beside it. Both have their names only when they are whole. Before it:
// export.ts; after it: the disk.
import { type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { VitrineError } from '../errors'
import type { Graph, Weight } from './graph'
import { lengthOf } from './messages'
import { byteLength, type External, type ModelText, modelPieces } from './proto'

/** What readers of protobuf take in one message. */
const LARGEST_MESSAGE = 2 ** 31 - 1
/** Weights beside the model begin at whole pages, so that a reader may map them. */
const PAGE = 4096

export const dataFile = (path: string) => `${path}_data`

export interface WriteOptions {
  external: boolean
  text: ModelText
  read(weight: Weight): Promise<Uint8Array>
  /** Called before each weight and at the end; what it throws ends the work. */
  step(written: number, total: number): void
  /** Bytes of the largest message; a larger model has its weights beside it. Tests set it. */
  largest?: number
  /** Called when everything is written, before the files get their names. */
  whole(): Promise<void>
}

/** ERR_OPTION_INVALID where something is there already. */
export async function refuseExisting(paths: string[]): Promise<void> {
  for (const path of paths) {
    const there = await lstat(path).catch(() => undefined)
    if (there) throw new VitrineError('ERR_OPTION_INVALID', `${path} exists: name another file, or set the option 'force' to replace it`)
  }
}

/** Writes the model; gives the files there are then, with their sizes. ERR_FILE_WRITE with what the operating system said. */
export async function writeModel(graph: Graph, path: string, options: WriteOptions): Promise<{ path: string; bytes: number }[]> {
  const parts: Part[] = []
  const begin = async (name: string) => {
    const part = await Part.open(name)
    parts.push(part)
    return part
  }
  const total = graph.weights.reduce((sum, weight) => sum + byteLength(weight), 0)
  let written = 0
  const copy = async (weight: Weight, part: Part) => {
    options.step(written, total)
    const bytes = await options.read(weight)
    await part.write(bytes)
    written += bytes.length
  }
  try {
    const streamed = modelPieces(graph, () => 'streamed', options.text)
    if (!options.external && lengthOf(streamed) <= (options.largest ?? LARGEST_MESSAGE)) {
      const model = await begin(path)
      for (const piece of streamed) await (piece instanceof Uint8Array ? model.write(piece) : copy(piece.hole, model))
    } else {
      const places = placeBeside(graph, basename(dataFile(path)))
      const data = await begin(dataFile(path))
      for (const [weight, { offset }] of places) {
        await data.write(new Uint8Array(offset - data.bytes))
        await copy(weight, data)
      }
      const model = await begin(path)
      for (const piece of modelPieces(graph, (weight) => places.get(weight)!, options.text)) await model.write(piece as Uint8Array)
    }
    options.step(written, total)
    await options.whole()
    for (const part of parts) await part.finish()
  } catch (error) {
    for (const part of parts) await part.discard()
    throw error
  }
  return parts.map(({ path, bytes }) => ({ path, bytes }))
}

function placeBeside(graph: Graph, location: string): Map<Weight, External> {
  let end = 0
  return new Map(
    graph.weights.map((weight) => {
      const offset = Math.ceil(end / PAGE) * PAGE
      const length = byteLength(weight)
      end = offset + length
      return [weight, { location, offset, length }]
    }),
  )
}

/** A file that ends in .part until it is whole. */
class Part {
  bytes = 0
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  static async open(path: string): Promise<Part> {
    const handle = await told(path, async () => {
      await mkdir(dirname(path), { recursive: true })
      return open(`${path}.part`, 'w')
    })
    return new Part(path, handle)
  }
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await told(this.path, () => this.handle.write(bytes, done))
      done += bytesWritten
    }
    this.bytes += bytes.length
  }
  async finish(): Promise<void> {
    await told(this.path, async () => {
      await this.handle.close()
      await rename(`${this.path}.part`, this.path)
    })
  }
  /** Leaves no half file behind. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => {})
    await rm(`${this.path}.part`, { force: true })
  }
}

async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new VitrineError('ERR_FILE_WRITE', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
