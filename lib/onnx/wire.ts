// The wire format of protocol buffers: fields of a message in memory, and values as bytes. Before it: read.ts; after it: nothing.

export interface Field {
  number: number
  /** Of varints and fixed-width fields; undefined where the field is bytes. */
  value: bigint | undefined
  /** Of length-delimited fields. */
  bytes: Uint8Array
  /** The whole field, its tag included. */
  whole: Uint8Array
}

const none: Uint8Array = new Uint8Array(0)

/** The varint at `at`, and where it ends; undefined where the bytes end before it does, or it is longer than ten. */
export function varint(bytes: Uint8Array, at: number): { value: bigint; end: number } | undefined {
  let value = 0n
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return undefined
    value |= BigInt(byte & 127) << BigInt(7 * i)
    if (byte < 128) return { value: BigInt.asUintN(64, value), end: at + i + 1 }
  }
  return undefined
}

/** Every field of a message; RangeError where the bytes are none. */
export function* fields(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length; ) {
    const start = at
    const tag = take(message, at)
    const number = Number(tag.value >> 3n)
    at = tag.end
    let value: bigint | undefined
    let bytes: Uint8Array = none
    switch (Number(tag.value & 7n)) {
      case 0:
        ;({ value, end: at } = take(message, at))
        break
      case 1:
        at += 8
        break
      case 2: {
        const length = take(message, at)
        at = length.end + Number(length.value)
        bytes = message.subarray(length.end, at)
        break
      }
      case 5:
        at += 4
        break
      default:
        throw new RangeError(`wire type ${tag.value & 7n} at byte ${start}`)
    }
    if (at > message.length || number === 0) throw new RangeError(`a field at byte ${start} ends at ${at} of ${message.length}`)
    yield { number, value, bytes, whole: message.subarray(start, at) }
  }
}

function take(message: Uint8Array, at: number) {
  const found = varint(message, at)
  if (!found) throw new RangeError(`no varint at byte ${at}`)
  return found
}

/** A varint field, or a length-delimited one. */
export function field(number: number, content: number | Uint8Array): Uint8Array {
  const tag = encoded((number << 3) | (typeof content === 'number' ? 0 : 2))
  if (typeof content === 'number') return Buffer.concat([tag, encoded(content)])
  return Buffer.concat([tag, encoded(content.length), content])
}

function encoded(value: number): Uint8Array {
  const out: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...out, rest)
    out.push((rest % 128) + 128)
  }
}
