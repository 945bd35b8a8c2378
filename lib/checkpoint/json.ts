// JSON that is checked as strictly as its use needs: one object at the top, no key twice. Before it: files.ts; after it: safetensors.ts,
// shards.ts and sidecars.ts.
import { readFile } from 'node:fs/promises'
import { VitrineError } from '../errors'
import { look, unreadable } from './files'

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How a value looks in a message: short, and never an essay. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** Bytes → object, or ERR_CHECKPOINT_INVALID. `what` names the place: "model.safetensors: header". */
export function parseObject(bytes: Uint8Array, what: string): JsonObject {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new VitrineError('ERR_CHECKPOINT_INVALID', `${what} is not UTF-8 text`, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new VitrineError('ERR_CHECKPOINT_INVALID', `${what} is not JSON: ${(cause as Error).message.slice(0, 200)}`, { cause })
  }
  if (!isObject(value)) throw new VitrineError('ERR_CHECKPOINT_INVALID', `${what} must be a JSON object, found ${shown(value)}`)
  const twice = duplicateKey(text)
  if (twice !== undefined) throw new VitrineError('ERR_CHECKPOINT_INVALID', `${what} has the key ${shown(twice)} twice`)
  return value
}

/** The object in a file; undefined where there is no such file. */
export async function readObject(path: string): Promise<JsonObject | undefined> {
  const stats = await look(path, 'file')
  if (!stats) return undefined
  if (!stats.isFile()) throw new VitrineError('ERR_CHECKPOINT_INVALID', `${path} must be a file of JSON, and is none`)
  try {
    return parseObject(await readFile(path), path)
  } catch (cause) {
    throw cause instanceof VitrineError ? cause : unreadable('file', path, cause)
  }
}

/** A key that some object of this valid JSON text holds twice. JSON.parse keeps the last one and says nothing. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [] // one per container; undefined for arrays
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(undefined)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"') {
      const begin = at++
      while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
      let next = at + 1
      while (next < text.length && text[next]! <= ' ') next++
      if (text[next] !== ':') continue
      const key = JSON.parse(text.slice(begin, at + 1)) as string
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}
