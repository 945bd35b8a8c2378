// The messages of onnx.proto that vitrine writes: field names, numbers and kinds, as data; and the encoder that reads the table. Before it:
// proto.ts, which fills the messages; after it: the bytes. A value may be left open, so that a file of any size is written piece by piece.
import { BinaryWriter, WireType } from '@protobuf-ts/runtime'

type Kind = 'int' | 'float' | 'string' | 'bytes' | (() => Fields)
export type Fields = Record<string, readonly [number: number, kind: Kind]>

/** Bytes that somebody else writes: `length` of them, those of `of`. */
export interface Hole<T> {
  hole: T
  length: number
}
export type Piece<T> = Uint8Array | Hole<T>
type Value<T> = number | string | Uint8Array | Hole<T> | Message<T>
export interface Message<T> {
  [field: string]: Value<T> | readonly Value<T>[] | undefined
}

const dimension: Fields = { dimValue: [1, 'int'], dimParam: [2, 'string'] }
const shape: Fields = { dim: [1, () => dimension] }
const tensorType: Fields = { elemType: [1, 'int'], shape: [2, () => shape] }
const type: Fields = { tensorType: [1, () => tensorType] }
const valueInfo: Fields = { name: [1, 'string'], type: [2, () => type] }
const entry: Fields = { key: [1, 'string'], value: [2, 'string'] }
const tensor: Fields = {
  dims: [1, 'int'],
  dataType: [2, 'int'],
  name: [8, 'string'],
  rawData: [9, 'bytes'],
  externalData: [13, () => entry],
  dataLocation: [14, 'int'],
}
const attribute: Fields = { name: [1, 'string'], f: [2, 'float'], i: [3, 'int'], ints: [8, 'int'], type: [20, 'int'] }
const node: Fields = {
  input: [1, 'string'],
  output: [2, 'string'],
  name: [3, 'string'],
  opType: [4, 'string'],
  attribute: [5, () => attribute],
  domain: [7, 'string'],
}
const graph: Fields = {
  node: [1, () => node],
  name: [2, 'string'],
  initializer: [5, () => tensor],
  input: [11, () => valueInfo],
  output: [12, () => valueInfo],
}
const operatorSet: Fields = { domain: [1, 'string'], version: [2, 'int'] }
/** ModelProto. */
export const model: Fields = {
  irVersion: [1, 'int'],
  producerName: [2, 'string'],
  producerVersion: [3, 'string'],
  graph: [7, () => graph],
  opsetImport: [8, () => operatorSet],
  metadataProps: [14, () => entry],
}

const isHole = <T>(value: Value<T>): value is Hole<T> => typeof value === 'object' && 'hole' in value
export const lengthOf = <T>(pieces: readonly Piece<T>[]) => pieces.reduce((sum, piece) => sum + piece.length, 0)

/** A message in the order of its properties. Lengths up to 2³²: whoever joins the pieces holds them to the 2 GB that readers take. */
export function encode<T>(message: Message<T>, fields: Fields): Piece<T>[] {
  const pieces: Piece<T>[] = []
  let writer = new BinaryWriter()
  const push = (piece: Piece<T>) => {
    pieces.push(writer.finish(), piece)
    writer = new BinaryWriter()
  }
  const write = (number: number, kind: Kind, value: Value<T>) => {
    if (kind === 'int') writer.tag(number, WireType.Varint).int64(value as number)
    else if (kind === 'float') writer.tag(number, WireType.Bit32).float(value as number)
    else if (kind === 'string') writer.tag(number, WireType.LengthDelimited).string(value as string)
    else if (kind === 'bytes') {
      if (!isHole(value)) writer.tag(number, WireType.LengthDelimited).bytes(value as Uint8Array)
      else {
        writer.tag(number, WireType.LengthDelimited).uint32(value.length)
        push(value)
      }
    } else {
      const inner = encode(value as Message<T>, kind())
      writer.tag(number, WireType.LengthDelimited).uint32(lengthOf(inner))
      for (const piece of inner) {
        if (piece instanceof Uint8Array) writer.raw(piece)
        else push(piece)
      }
    }
  }
  for (const [name, value] of Object.entries(message)) {
    const [number, kind] = fields[name]!
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? (value as Value<T>[]) : [value as Value<T>]) write(number, kind, one)
  }
  pieces.push(writer.finish())
  return pieces
}
