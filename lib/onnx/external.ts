// The weights that an .onnx file keeps in other files. ONNX Runtime reads them itself where they lie in the model's own folder. Where a link
// leads out of it, as all files of a hub's cache do, newer releases refuse and older ones look beside the link's target: then the weights are
// handed over. Before it: sessions.ts; after it: read.ts, then native.ts.
import { open, readFile, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, resolve, sep } from 'node:path'
import { look } from '../checkpoint/files'
import { VitrineError } from '../errors'
import type { OnnxModelSource, OnnxWeight } from '../native'
import type { DType } from '../spec'
import { type ExternalTensor, type OnnxHeader, tensorBytes, withInlined } from './read'

type Parts = Pick<OnnxModelSource, 'model' | 'files' | 'stamps' | 'weights'>

const readable: Readonly<Record<string, DType>> = { float32: 'f32', float16: 'f16', bfloat16: 'bf16' }
/** Values of other types (indices, masks) are put into the model's bytes, up to so many. */
const LARGEST_INLINE = 1 << 28
/** So are scalars and what is not worth a read of its own. */
const SMALL = 256

interface Stored extends ExternalTensor {
  path: string
  bytes: number
}

/** ERR_CHECKPOINT_NOT_FOUND, _TRUNCATED or _INVALID where a weight is not where the model says. */
export async function externalParts(file: string, header: OnnxHeader): Promise<Parts> {
  const model = resolve(file)
  // The model's own stamp and those of its data make the session's key, so that a changed file is another session.
  if (header.external.length === 0) return { model, files: [model], stamps: [header.stamp] }
  const { tensors, stamps } = await place(model, header.external)
  const files = [...stamps.keys()]
  if (!(await linked(model, files))) return { model, files: [model, ...files], stamps: [header.stamp, ...stamps.values()] }

  const inline = new Map<string, Uint8Array>()
  const weights: OnnxWeight[] = []
  let inlined = 0
  for (const { name, dims, type, path, offset, bytes } of tensors) {
    const dtype = readable[type]
    if (dtype && dims.length > 0 && bytes > SMALL) {
      const tensor = [{ file: files.indexOf(path), offset, shape: dims, dtype, name }]
      weights.push({ name, dims, tensor, transpose: false, type: type as OnnxWeight['type'] })
      continue
    }
    inlined += bytes
    if (inlined > LARGEST_INLINE) {
      throw new VitrineError(
        'ERR_CHECKPOINT_UNSUPPORTED',
        `${file}: its ${type} weights lie behind links out of its folder, and are too large to be handed over: copy the model and ${path} into one folder`,
      )
    }
    inline.set(name, await readPart(path, offset, bytes))
  }
  return { model: withInlined(await readFile(model), inline), files, stamps: [...stamps.values()], weights }
}

async function readPart(path: string, offset: number, bytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, offset)
    if (bytesRead === bytes) return buffer
    throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', `${path}: expected ${bytes} bytes at ${offset}, found ${bytesRead}`)
  } finally {
    await file.close()
  }
}

/** Every weight by the file it lies in, checked to lie there whole. */
async function place(model: string, external: ExternalTensor[]) {
  const stamps = new Map<string, { ino: bigint; size: bigint; mtimeNs: bigint }>()
  const tensors: Stored[] = []
  for (const tensor of external) {
    const { name, location, offset, length } = tensor
    const invalid = (why: string) => new VitrineError('ERR_CHECKPOINT_INVALID', `${model}: weight ${name} ${why}`)
    if (location === '' || isAbsolute(location) || normalize(location).split(sep).includes('..')) {
      throw invalid(`is said to lie out of the model's folder: '${location}'`)
    }
    const path = join(dirname(model), location)
    if (!stamps.has(path)) {
      const stats = await look(path, 'weight file')
      if (!stats?.isFile()) {
        throw new VitrineError('ERR_CHECKPOINT_NOT_FOUND', `${model} keeps weights in ${location}, and there is no file ${path}`)
      }
      stamps.set(path, { ino: stats.ino, size: stats.size, mtimeNs: stats.mtimeNs })
    }
    const bytes = tensorBytes(tensor.type, tensor.dims)
    if (!Number.isSafeInteger(offset) || offset < 0 || (length !== undefined && length !== bytes)) {
      throw invalid(`takes ${bytes} bytes as ${tensor.type} [${tensor.dims}], and is said to be ${length} bytes at ${offset}`)
    }
    const size = Number(stamps.get(path)!.size)
    if (offset + bytes > size) {
      throw new VitrineError('ERR_CHECKPOINT_TRUNCATED', `${path}: weight ${name} ends at byte ${offset + bytes}, and the file has ${size}`)
    }
    tensors.push({ ...tensor, path, bytes })
  }
  return { tensors, stamps }
}

/** Whether the model or its data lie, in truth, in another folder than their names say. */
async function linked(model: string, files: string[]): Promise<boolean> {
  const folder = await realpath(dirname(model))
  const real = await Promise.all([model, ...files].map((path) => realpath(path)))
  return real.some((path) => !path.startsWith(folder + sep))
}
