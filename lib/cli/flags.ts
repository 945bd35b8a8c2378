// The option table as flags: same names in kebab-case, same ranges, same defaults. Before it: main.ts; after it: the command's file,
// which hands the values to the API, whose check has the last word.
import { existsSync, readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type CallName, type OptionRow, type OptionType, optionRows, optionsOf } from '../options'

/** Values by their JavaScript names. */
export type Flags = Record<string, unknown>

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Adds a flag for every option of the calls that has one, each once. */
export function addFlags(command: Command, calls: CallName[]): Command {
  for (const name of new Set(calls.flatMap((call) => optionsOf(call) as string[]))) {
    const row = optionRows[name]!
    if (!row.apiOnly) command.addOption(flag(name, row))
  }
  return command
}

/** The given flags that a call takes. */
export function optionsFor(call: CallName, flags: Flags): Flags {
  return Object.fromEntries(optionsOf(call).flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
}

function flag(name: string, row: OptionRow): Option {
  if (row.type.kind === 'boolean') {
    return row.default === true
      ? new Option(`--no-${kebab(name)}`, `do not ${row.help}`)
      : new Option(`--${kebab(name)}`, `${row.help} (default: off)`)
  }
  const fallback = row.default ?? row.otherwise
  return new Option(`--${kebab(name)} <${placeholder(row.type)}>`, `${row.help} (default: ${fallback})`).argParser((text) =>
    parse(text, row.type),
  )
}

function placeholder(type: OptionType): string {
  switch (type.kind) {
    case 'choices':
      return 'names'
    case 'by-block':
      return 'n|numbers'
    case 'integers':
      return 'numbers'
    case 'integer':
    case 'number':
      return 'n'
    case 'size':
      return 'n|HxW'
    case 'device':
      return 'name|json'
    case 'object':
      return 'json|file'
    default:
      return 'name'
  }
}

/** Text → the value that the API takes. */
export function parse(text: string, type: OptionType): unknown {
  switch (type.kind) {
    case 'choices': {
      const names = text.split(',')
      return names.length === 1 ? names[0] : names
    }
    case 'by-block': {
      const numbers = text.split(',').map(number)
      return numbers.length === 1 ? numbers[0] : numbers
    }
    case 'integers':
      return text.split(',').map(number)
    case 'integer':
    case 'number':
      return number(text)
    case 'size': {
      const [height, width] = text.split(/x/i).map(number)
      return width === undefined ? height : { height, width }
    }
    case 'device':
      return text.trimStart().startsWith('{') ? json(text) : text
    case 'object':
      return json(text)
    default:
      return text
  }
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError(`'${text}' is no number.`)
  return value
}

function json(text: string): unknown {
  try {
    return JSON.parse(!text.trimStart().startsWith('{') && existsSync(text) ? readFileSync(text, 'utf8') : text)
  } catch (error) {
    throw new InvalidArgumentError(`expected JSON or a file of it: ${(error as Error).message}`)
  }
}
