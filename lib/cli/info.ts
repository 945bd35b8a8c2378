// vitrine info: what a checkpoint is and how it would run; text on a terminal, one JSON object on a pipe. Before it: main.ts.
import type { ModelInfo } from '../index'
import { type ExitCode, exitCodes } from './exit'
import type { Flags } from './flags'
import { openText } from './output'
import { openModel } from './run'

export async function info(flags: Flags): Promise<ExitCode> {
  const model = await openModel(flags)
  const output = await openText(undefined)
  await output.write(process.stdout.isTTY && !flags.json ? asText(model.info) : `${JSON.stringify(model.info)}\n`)
  await model.close()
  return exitCodes.ok
}

/** One field per line, names aligned. */
export function asText(fields: ModelInfo): string {
  const width = Math.max(...Object.keys(fields).map((name) => name.length))
  return Object.entries(fields)
    .map(([name, value]) => `${name.padEnd(width)}  ${text(name, value)}\n`)
    .join('')
}

function text(name: string, value: unknown): string {
  if (name === 'labels') return `${(value as string[]).length} classes`
  if (name === 'parameters') return `${((value as number) / 1e6).toFixed(1)} M`
  if (name === 'weightBytes') return `${((value as number) / 1e6).toFixed(1)} MB`
  if (isSize(value)) return `${value.height}×${value.width}`
  if (Array.isArray(value)) return value.join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, part]) => `${key} ${typeof part === 'object' ? JSON.stringify(part) : part}`)
    .join(', ')
}

const isSize = (value: unknown): value is { height: number; width: number } =>
  typeof value === 'object' && value !== null && 'height' in value && 'width' in value
