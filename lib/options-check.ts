// A caller's options → checked ones with defaults, by the table of options.ts. Before it: model.ts; after it: plan.ts.
import { readDevice } from './device-option'
import { VitrineError } from './errors'
import { type CallName, type CallOptions, type OptionRow, type OptionType, optionRows, type options, optionsOf } from './options'

type Table = typeof options
type Defaulted = { [K in keyof Table]: Table[K] extends { default: unknown } ? K : never }[keyof Table]
/** Options of a call with the table's defaults in place. */
export type Checked<C extends CallName> = CallOptions[C] & {
  [K in keyof CallOptions[C] & Defaulted]-?: NonNullable<CallOptions[C][K]>
}

/** ERR_OPTION_UNKNOWN lists the known ones; ERR_OPTION_INVALID says what was expected and what was found, and `where`. */
export function checkOptions<C extends CallName>(call: C, given: unknown, where = `${call}()`): Checked<C> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw new VitrineError('ERR_OPTION_INVALID', `${where}: options must be an object, found ${found(given)}`)
  }
  const known = optionsOf(call) as string[]
  const checked: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!known.includes(name)) throw unknownOption(where, name, known)
    if (value !== undefined) checked[name] = checkOption(where, name, optionRows[name]!.type, value)
  }
  for (const name of known) {
    const row: OptionRow = optionRows[name]!
    if (checked[name] === undefined && row.default !== undefined) checked[name] = row.default
  }
  return checked as Checked<C>
}

/** Options of load() that a checkpoint's own file gives, behind the caller's; what is wrong with them is said with the file's name. */
export function withDeclared(given: object | undefined, declared: Record<string, unknown>, file: string): Checked<'load'> {
  checkOptions('load', declared, file)
  const own = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return checkOptions('load', { ...declared, ...Object.fromEntries(own) })
}

function unknownOption(where: string, name: string, known: readonly string[]): VitrineError {
  const near = known.find((other) => other.toLowerCase() === name.toLowerCase() || other.startsWith(name) || name.startsWith(other))
  const others = (optionRows[name]?.calls ?? []).map((call) => `${call}()`)
  const hint = near ? ` (did you mean '${near}'?)` : others.length > 0 ? ` (an option of ${others.join(', ')})` : ''
  return new VitrineError('ERR_OPTION_UNKNOWN', `${where}: unknown option '${name}'${hint}; known are ${known.join(', ')}`)
}

/** The value, copied; ERR_OPTION_INVALID says what was expected and what was found, and `where`. */
export function checkOption(where: string, name: string, type: OptionType, value: unknown): unknown {
  if (!fits(type, value)) {
    throw new VitrineError('ERR_OPTION_INVALID', `${where}: option '${name}' must be ${expected(type, value)}, found ${found(value)}`)
  }
  // Copied: a caller may change its own object during the call.
  if (Array.isArray(value)) return [...value]
  return (type.kind === 'size' || type.kind === 'device') && isRecord(value) ? structuredClone(value) : value
}

const isInteger = (value: unknown, min: number, max: number) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max

function fits(type: OptionType, value: unknown): boolean {
  switch (type.kind) {
    case 'choice':
      return type.values.includes(value as string)
    case 'choices': {
      const names: unknown[] = Array.isArray(value) ? value : [value]
      return names.length > 0 && names.every((name) => type.values.includes(name as string))
    }
    case 'integer':
      return isInteger(value, type.min, type.max)
    case 'number':
      return typeof value === 'number' && value >= type.min && value <= type.max
    case 'by-block': {
      const numbers: unknown[] = Array.isArray(value) ? value : [value]
      return numbers.length > 0 && numbers.every((n) => isInteger(n, 0, type.max))
    }
    case 'integers':
      return Array.isArray(value) && value.length > 0 && value.every((n) => Number.isSafeInteger(n) && n !== 0)
    case 'size':
      if (typeof value === 'number') return isInteger(value, 1, type.max)
      return isRecord(value) && Object.keys(value).length === 2 && [value.height, value.width].every((n) => isInteger(n, 1, type.max))
    case 'signal':
      return isRecord(value) && typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function'
    case 'object':
      return isRecord(value)
    case 'device':
      return typeof readDevice(value) !== 'string'
    default:
      return typeof value === type.kind
  }
}

/** What an option's value may be, in words; help and messages share it. */
export function expected(type: OptionType, value?: unknown): string {
  const quoted = (values: readonly string[]) => values.map((value) => `'${value}'`).join(' | ')
  switch (type.kind) {
    case 'choice':
      return quoted(type.values)
    case 'choices':
      return `${quoted(type.values)}, or an array of them`
    case 'integer':
      return `an integer from ${type.min} to ${type.max}`
    case 'number':
      return `a number from ${type.min} to ${type.max}`
    case 'by-block':
      return `an integer from 0 to ${type.max}, or an array of such, one for each block`
    case 'integers':
      return 'an array of integers other than 0'
    case 'size':
      return `an integer from 1 to ${type.max}, or { height, width } of such`
    case 'signal':
      return 'an AbortSignal'
    case 'object':
      return 'an object'
    case 'device':
      return String(readDevice(value))
    default:
      return `a ${type.kind}`
  }
}

function found(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol' || typeof value === 'bigint') return `a ${typeof value}`
  if (typeof value === 'number' || value === undefined) return String(value)
  if (value instanceof Object && !Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) {
    return `an instance of ${value.constructor?.name ?? 'a class'}`
  }
  try {
    const text = JSON.stringify(value)
    return text.length > 80 ? `${text.slice(0, 77)}...` : text
  } catch {
    return `an ${typeof value}`
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
