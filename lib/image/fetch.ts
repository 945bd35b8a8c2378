// Bytes behind an http:, https: or data: URL. Before it: input.ts; after it: decode.ts.
import { VitrineError } from '../errors'

/** Largest download that is accepted, in bytes. */
const MAX_BYTES = 256 * 1024 * 1024

/** The bytes of `url`. ERR_IMAGE_NOT_FOUND (with the HTTP status), ERR_IMAGE_TOO_LARGE above 256 MiB; an abort rejects with its reason. */
export async function fetchBytes(url: string, name: string, signal?: AbortSignal): Promise<Uint8Array> {
  if (/^data:/i.test(url)) return dataBytes(url, name)
  let response: Response
  try {
    response = await fetch(url, { signal: signal ?? null })
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`HTTP status ${response.status} ${response.statusText}`.trim())
    }
    return await body(response, name)
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    if (cause instanceof VitrineError) throw cause
    const { message, cause: inner } = cause as Error
    const why = inner instanceof Error && inner.message ? `${message} (${inner.message})` : message
    throw new VitrineError('ERR_IMAGE_NOT_FOUND', `${name}: could not be fetched: ${why}`, { cause })
  }
}

async function body(response: Response, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const tooLarge = (bytes: number) =>
    new VitrineError('ERR_IMAGE_TOO_LARGE', `${name}: expected at most ${MAX_BYTES} bytes, found ${bytes} or more`)
  const declared = Number(response.headers.get('content-length') ?? 0)
  if (declared > MAX_BYTES) {
    await response.body?.cancel()
    throw tooLarge(declared)
  }
  if (response.body) {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      length += chunk.length
      if (length > MAX_BYTES) throw tooLarge(length) // leaving the loop cancels the download
      chunks.push(chunk)
    }
  }
  return Buffer.concat(chunks, length)
}

/** data:[type][;base64],… ; base64 as RFC 4648 or its URL-safe alphabet, else percent-encoded. */
function dataBytes(url: string, name: string): Uint8Array {
  const comma = url.indexOf(',')
  if (comma < 0) throw new VitrineError('ERR_IMAGE_UNSUPPORTED', `${name}: expected data:[type][;base64],<data>, found no comma`)
  const text = url.slice(comma + 1)
  if (/;\s*base64\s*$/i.test(url.slice(5, comma))) return Buffer.from(text.includes('%') ? unescaped(text, name) : text, 'base64')
  return Buffer.from(unescaped(text, name), 'latin1')
}

function unescaped(text: string, name: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text)) throw new VitrineError('ERR_IMAGE_UNSUPPORTED', `${name}: a data: URL with a malformed escape`)
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}
