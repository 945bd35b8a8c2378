// How the command line ends: its exit codes, and which error means which. Before it: main.ts.
import { VitrineError } from '../errors'

export const exitCodes = {
  ok: 0,
  /** Some images failed (the others were done), or the run broke off. */
  failed: 1,
  /** Unknown flag, value out of range, no images found. */
  usage: 2,
  /** The model could not be loaded. */
  model: 3,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends the command with a message and a code. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}

/** Errors that a different command line would not have made. */
export function isUsage(error: unknown): boolean {
  return error instanceof VitrineError && /^ERR_(OPTION_|POOL_|IMAGE_SIZE)/.test(error.code)
}

/** One line for people: the code where there is one, and the message. */
export function describe(error: unknown): string {
  if (error instanceof VitrineError) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
