// Which weight file: of a folder by rank, or the one that the user names. Before it: open.ts; after it: safetensors.ts, shards.ts or onnx.ts.
import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { VitrineError } from '../errors'
import { look, unreadable } from './files'

/** Ranks, best first. A text is that very file; a pattern is the only file of the folder that fits it. */
const ranks: readonly (string | RegExp)[] = [
  'model.safetensors',
  'model.safetensors.index.json',
  'open_clip_model.safetensors',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  /\.safetensors$/i,
  /\.(pth|pt)$/i,
  'onnx/model.onnx',
  'model.onnx',
]

/** Containers by the end of the name; those without a reader are recognised, so that the message can say what they are. */
const containers: readonly { end: RegExp; kind?: Chosen['kind']; what: string }[] = [
  { end: /\.safetensors$/i, kind: 'safetensors', what: 'safetensors' },
  { end: /\.safetensors\.index\.json$/i, kind: 'shards', what: 'safetensors in shards' },
  { end: /\.(bin|bin\.index\.json|pth|pt|ckpt)$/i, what: 'files of torch.save' },
  { end: /\.onnx$/i, kind: 'onnx', what: 'an ONNX graph' },
]

/** A source that exists: a folder, or a weight file and the folder it lies in, where config.json and its kin are looked for. */
export interface Place {
  folder: string
  file: string | undefined
}
export interface Chosen {
  file: string
  kind: 'safetensors' | 'shards' | 'onnx'
}

/** ERR_CHECKPOINT_NOT_FOUND where the source is no path that exists. */
export async function locate(source: string): Promise<Place> {
  const stats = await look(source, 'checkpoint')
  if (!stats) throw notFound(source)
  return stats.isDirectory() ? { folder: source, file: undefined } : { folder: dirname(source), file: source }
}

/** ERR_CHECKPOINT_NOT_FOUND, _AMBIGUOUS, _UNSUPPORTED (a container that vitrine does not read). `file` is relative to the folder. */
export async function chooseFile(place: Place, file: string | undefined): Promise<Chosen> {
  if (place.file !== undefined && file !== undefined && resolve(place.folder, file) !== resolve(place.file)) {
    throw new VitrineError(
      'ERR_OPTION_INVALID',
      `option 'file' says which file of a folder; found '${file}', and the source is a file itself: ${place.file}`,
    )
  }
  const chosen = place.file ?? (file === undefined ? await best(place.folder) : await named(place.folder, file))
  return { file: chosen, kind: container(chosen) }
}

async function named(folder: string, file: string): Promise<string> {
  const path = resolve(folder, file)
  if (!(await look(path, 'weight file'))) {
    const here = await weightFiles(folder)
    const has = here.length ? `the folder has ${here.join(', ')}` : 'the folder has no weight file'
    throw new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `no weight file ${path}, which option 'file' asks for: ${has}`)
  }
  return path
}

async function best(folder: string): Promise<string> {
  const here = await list(folder)
  for (const rank of ranks) {
    if (typeof rank !== 'string') {
      const fits = here.filter((name) => rank.test(name))
      if (fits.length > 1) {
        throw new VitrineError(
          'ERR_CHECKPOINT_AMBIGUOUS',
          `${folder} has ${fits.length} weight files of one rank, ${fits.join(' and ')}: option 'file' says which`,
        )
      }
      if (fits.length === 1) return join(folder, fits[0]!)
      continue
    }
    const path = join(folder, rank)
    const stats = await look(path, 'weight file')
    if (stats?.isFile()) return path
    // A link to nothing (a download that was cleaned up) or a folder of that name must not silently give way to the next rank.
    if (stats || here.includes(rank)) {
      const found = stats ? 'is no file' : 'is a link to a file that does not exist'
      throw new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `weight file ${path} ${found}`)
    }
  }
  const names = ranks.map((rank) =>
    typeof rank === 'string' ? rank : rank.source.includes('pth') ? 'one *.pth or *.pt' : 'one *.safetensors',
  )
  // A quantised or otherwise changed graph gives other vectors: it is never taken unless it is asked for.
  const others = await weightFiles(folder)
  const hint = others.length ? `; option 'file' takes ${others.join(' or ')}` : ''
  throw new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `no weight file in the folder ${folder}: looked for ${names.join(', ')}${hint}`)
}

/** Files of a folder, and of `onnx/` in it, whose names end like weights. */
async function weightFiles(folder: string): Promise<string[]> {
  const graphs = (await look(join(folder, 'onnx'), 'folder'))?.isDirectory() ? await list(join(folder, 'onnx')) : []
  const all = [...(await list(folder)), ...graphs.map((name) => `onnx/${name}`)]
  return all.filter((name) => containers.some((c) => c.end.test(name)))
}

async function list(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
  } catch (cause) {
    throw unreadable('folder', folder, cause)
  }
}

function container(path: string): Chosen['kind'] {
  const found = containers.find((candidate) => candidate.end.test(path))
  if (found?.kind) return found.kind
  const what = found ? `${found.what} are not read yet` : 'its name ends like no weight file that vitrine knows'
  throw new VitrineError(
    'ERR_CHECKPOINT_UNSUPPORTED',
    `${path}: ${what}: expected a .safetensors file, a .safetensors.index.json, an .onnx file, or a folder with one of them`,
  )
}

function notFound(source: string): VitrineError {
  const hub = /^[\w.-]+(\/[\w.-]+)?$/.test(source) && !/^\.{1,2}(\/|$)/.test(source)
  const advice = hub ? `. If it is the name of a model on a hub: downloads are not there yet, so give the folder of a downloaded one` : ''
  return new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `no checkpoint '${source}': looked for a file or folder ${resolve(source)}${advice}`)
}
