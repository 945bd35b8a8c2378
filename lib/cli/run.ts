// What the commands share: open the model, say what went wrong, count failures. Before it: main.ts; after it: model.ts.
import { setTimeout } from 'node:timers/promises'
import { type LoadOptions, load, type Model } from '../index'
import { isNativeOpen, native } from '../native'
import { checkOptions } from '../options-check'
import { CommandError, describe, type ExitCode, exitCodes, isUsage } from './exit'
import { type Flags, optionsFor } from './flags'
import type { Progress } from './progress'

/** The model of --model and the load flags; exit code 3 where it cannot be loaded, 2 where the flags are to blame. */
export async function openModel(flags: Flags): Promise<Model> {
  try {
    const options: LoadOptions = checkOptions('load', optionsFor('load', flags), 'vitrine')
    return await load(flags.model as string | undefined, options)
  } catch (error) {
    throw new CommandError(isUsage(error) ? exitCodes.usage : exitCodes.model, describe(error), { cause: error })
  }
}

/**
 * A command of one picture is over before its packed weights are kept: the next one shall find them. The writer has the lowest priority: on a
 * busy machine that takes a while, at most a minute.
 */
export async function packedCacheKept(): Promise<void> {
  const end = Date.now() + 60_000
  while (isNativeOpen() && native().counters().cacheWriting > 0 && Date.now() < end) await setTimeout(10)
}

/** Whether results go to the terminal that a bar would be on. */
export function barShown(flags: Flags): boolean {
  return flags.output !== undefined || !process.stdout.isTTY
}

/** Images that failed, said on standard error as they come. */
export class Failures {
  #count = 0

  constructor(private readonly progress: Progress) {}

  add(error: unknown): void {
    this.#count++
    this.progress.complain(describe(error))
  }

  get exitCode(): ExitCode {
    return this.#count === 0 ? exitCodes.ok : exitCodes.failed
  }
}
