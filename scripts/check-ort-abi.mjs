// Compares native/onnxruntime/abi.h with a real onnxruntime_c_api.h: for each function the index in struct OrtApi, the version since which
// it is there, and the types of result and parameters; and the numbers of enumerations. `node scripts/check-ort-abi.mjs [header]`: without
// an argument the header is the one that a Go module carries, which `go mod download` brings. Exit code 0: equal; 1: not; 2: no header.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MODULE = 'github.com/yalue/onnxruntime_go@v1.27.0'

export function fetchHeader() {
  const done = spawnSync('go', ['mod', 'download', '-json', MODULE], { cwd: tmpdir(), encoding: 'utf8', timeout: 60_000 })
  if (done.error || done.status !== 0) return undefined
  return join(JSON.parse(done.stdout).Dir, 'onnxruntime_c_api.h')
}

const ENUMS = /^(enum )?(ONNX\w+|OrtErrorCode|OrtLoggingLevel|OrtAllocatorType|OrtMemType|GraphOptimizationLevel)$/

/** The type of one parameter: without annotations and its name, enumerations as int, ORTCHAR_T as abi.h calls it. */
function typeOf(parameter, named) {
  let text = parameter
    .replace(/\b_(In|Out|Inout|Outptr|Frees_ptr)\w*_(\([^)]*\))?/g, ' ')
    .replace(/\bstruct\b/g, ' ')
    .trim()
  if (named && text === 'void') return ''
  if (named) text = text.replace(/(\w+)\[\]$/, '* $1').replace(/\b\w+$/, '')
  text = text.replace(/ORTCHAR_T/g, 'OrtPathChar').replace(/OrtStatusPtr/g, 'OrtStatus*')
  const base = text
    .replace(/[*\s]/g, ' ')
    .replace(/\bconst\b/g, '')
    .trim()
  if (ENUMS.test(base)) text = text.replace(base, 'int')
  return text
    .replace(/\s+/g, ' ')
    .replace(/ ?\* ?/g, '*')
    .trim()
}

const split = (list) => list.split(/,(?![^()]*\))/).filter((part) => part.trim() !== '')

// The forms that a field of the struct has.
const FIELDS = [
  [/^ORT_API2_STATUS\((\w+)(?:, ?(.*))?\)\s*;$/, ([, name, list]) => ({ name, result: 'OrtStatus*', list: list ?? '' })],
  [/^ORT_CLASS_RELEASE\((\w+)\)\s*;$/, ([, name]) => ({ name: `Release${name}`, result: 'void', list: `Ort${name}* input` })],
  [/^ORT_API_T\(([^,]+), ?(\w+)(?:, ?(.*))?\)\s*;$/, ([, result, name, list]) => ({ name, result: typeOf(result), list: list ?? '' })],
  [
    /^(.*?)\(ORT_API_CALL ?\* ?(\w+)\)\((.*?)\)\s*(?:NO_EXCEPTION|ORT_ALL_ARGS_NONNULL|\s)*;$/,
    ([, result, name, list]) => ({ name, result: typeOf(result), list }),
  ],
]

/** struct OrtApi of a header: name → { index, since, result, parameters }. */
export function readHeader(text) {
  const start = text.indexOf('struct OrtApi {')
  const body = text.slice(start, text.indexOf('\n};', start)).replace('struct OrtApi {', '')
  const functions = new Map()
  let index = 0
  let since = 0
  // Comments carry the version; a field ends at a semicolon outside of them.
  for (const [piece] of body.matchAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|[^;/]+;/g)) {
    if (piece.startsWith('/*')) since = Number(/\\since Version 1\.(\d+)/.exec(piece)?.[1] ?? 0)
    if (piece.startsWith('/')) continue
    const field = piece
      .replace(/^\s*#.*$/gm, '')
      .replace(/\s+/g, ' ')
      .trim()
    const found = FIELDS.map(([pattern, read]) => pattern.exec(field) && read(pattern.exec(field))).find(Boolean)
    if (!found) throw new Error(`a field of OrtApi that this script cannot read: ${field}`)
    const parameters = split(found.list)
      .map((part) => typeOf(part, true))
      .filter(Boolean)
    functions.set(found.name, { index: index++, since, result: found.result, parameters })
    since = 0
  }
  const numbers = new Map()
  for (const [, list] of text.matchAll(/\benum \w+ \{([^}]*)\}/g)) {
    let value = -1
    for (const entry of list.replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '').split(',')) {
      const [name, given] = entry.split('=').map((part) => part.trim())
      if (!name) continue
      value = given === undefined ? value + 1 : Number(given)
      numbers.set(name, value)
    }
  }
  return { functions, numbers }
}

/** abi.h: the functions of its table, and its constants. */
export function readOurs(text) {
  const functions = []
  const table = text.slice(text.indexOf('#define VITRINE_ORT_FUNCTIONS'), text.indexOf('struct OrtFunctions')).replace(/\\\n/g, ' ')
  for (const [, index, since, name, result, list] of table.matchAll(/F\((\d+), (\d+), (\w+), ([^,(]+),\s*\(([^)]*)\)\)/g)) {
    functions.push({
      name,
      index: Number(index),
      since: Number(since),
      result: typeOf(result),
      parameters: split(list).map((part) => typeOf(part)),
    })
  }
  const numbers = new Map([...text.matchAll(/\b(kOrt\w+) = (-?\d+)/g)].map(([, name, value]) => [name, Number(value)]))
  return { functions, numbers }
}

const NUMBERS = {
  kOrtLogWarning: 'ORT_LOGGING_LEVEL_WARNING',
  kOrtLogError: 'ORT_LOGGING_LEVEL_ERROR',
  kOrtFail: 'ORT_FAIL',
  kOrtNoSuchFile: 'ORT_NO_SUCHFILE',
  kOrtEngineError: 'ORT_ENGINE_ERROR',
  kOrtRuntimeException: 'ORT_RUNTIME_EXCEPTION',
  kOrtProviderFail: 'ORT_EP_FAIL',
  kOrtOptimizeAll: 'ORT_ENABLE_ALL',
  kOrtDeviceAllocator: 'OrtDeviceAllocator',
  kOrtMemoryDefault: 'OrtMemTypeDefault',
  kOrtMemoryCpuOutput: 'OrtMemTypeCPUOutput',
  kOrtFloat: 'ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT',
  kOrtUint8: 'ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8',
  kOrtInt64: 'ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64',
  kOrtFloat16: 'ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16',
  kOrtBFloat16: 'ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16',
}

/** What differs, one line each. */
export function compare(ours, theirs) {
  const wrong = []
  const oldest = ours.numbers.get('kOrtVersion')
  for (const { name, ...entry } of ours.functions) {
    const real = theirs.functions.get(name)
    const since = real && real.since > 0 ? real.since : entry.since // the header does not say it of every function
    if (!real) wrong.push(`${name}: not in the header`)
    else if (JSON.stringify(entry) !== JSON.stringify({ ...real, since }))
      wrong.push(`${name}: ${JSON.stringify(entry)}, the header has ${JSON.stringify(real)}`)
  }
  for (const [name, value] of ours.numbers) {
    if (name === 'kOrtVersion') continue
    const real = theirs.numbers.get(NUMBERS[name])
    if (real !== value) wrong.push(`${name} = ${value}, the header has ${real}`)
  }
  if (!(oldest > 0)) wrong.push('kOrtVersion is missing')
  return wrong
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? process.env.VITRINE_ORT_HEADER ?? fetchHeader()
  if (!path) {
    process.stderr.write(`no header: give its path, or install Go, which brings ${MODULE}\n`)
    process.exit(2)
  }
  const ours = readOurs(readFileSync(new URL('../native/onnxruntime/abi.h', import.meta.url), 'utf8'))
  const wrong = compare(ours, readHeader(readFileSync(path, 'utf8')))
  process.stdout.write(
    wrong.length > 0
      ? `${wrong.join('\n')}\n`
      : `${ours.functions.length} functions and ${ours.numbers.size - 1} numbers agree with ${path}\n`,
  )
  process.exit(wrong.length > 0 ? 1 : 0)
}
