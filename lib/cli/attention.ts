// vitrine attention: images → what the CLS token attended to, as PNG over the crop. Before it: main.ts; after it: model.attention,
// model.preprocess, heatmap.ts.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { isImageError } from '../batch'
import { type AttentionOptions, type Model, VitrineError } from '../index'
import { checkOptions } from '../options-check'
import { inOrder } from '../stream'
import { CommandError, type ExitCode, exitCodes } from './exit'
import { type Flags, optionsFor } from './flags'
import { renderHeatmap } from './heatmap'
import { expandInputs } from './inputs'
import { openText } from './output'
import { startProgress } from './progress'
import { Failures, openModel } from './run'

export async function attention(inputs: string[], flags: Flags): Promise<ExitCode> {
  const { imageSize: _, ...options } = checkOptions('attention', optionsFor('attention', flags), 'vitrine attention')
  const sources = await expandInputs(inputs)
  const model = await openModel(flags)
  const head = flags.head as number | undefined
  const heads = model.info.heads ?? Number.POSITIVE_INFINITY
  if (head !== undefined && !(Number.isInteger(head) && head >= 0 && head < heads)) {
    throw new CommandError(exitCodes.usage, `--head must be from 0 to ${heads - 1}; found ${head}`)
  }
  const folder = flags.output as string
  const names = outputNames(sources)
  await mkdir(folder, { recursive: true })
  const output = await openText(undefined)
  const progress = startProgress(sources.length, !process.stdout.isTTY)
  const failures = new Failures(progress)
  const draw = async (source: string, index: number) => {
    try {
      const path = join(folder, names[index]!)
      await writeFile(path, await heatmapOf(model, source, { head, ...options }))
      return { index, source, output: path }
    } catch (error) {
      if (!isImageError(error)) throw error
      // Each picture is a call of its own, in which it is image 0.
      const message = error.message.replace(/^image 0 /, `image ${index} `)
      return { index, source, error: new VitrineError(error.code, message, { cause: error }) }
    }
  }
  try {
    for await (const result of inOrder(sources, model.info.threads, undefined, draw)) {
      const { error } = result
      if (error) failures.add(error)
      await output.write(`${JSON.stringify(error ? { ...result, error: { code: error.code, message: error.message } } : result)}\n`)
      progress.tick()
    }
  } finally {
    progress.end()
    await model.close()
  }
  return failures.exitCode
}

/** One image's heatmap as a PNG. */
export async function heatmapOf(
  model: Model,
  source: string,
  { head, ...options }: AttentionOptions & { head?: number | undefined } = {},
): Promise<Buffer> {
  const [map, crop] = await Promise.all([model.attention(source, options), model.preprocess(source, options)])
  return renderHeatmap({
    attention: map.data,
    gridHeight: map.dims[2]!,
    gridWidth: map.dims[3]!,
    head,
    crop: crop.data,
    height: crop.dims[1]!,
    width: crop.dims[2]!,
  })
}

/** a.png for a.jpg; where two sources would get one name, the later ones get a number. */
export function outputNames(sources: string[]): string[] {
  const taken = new Set<string>()
  return sources.map((source) => {
    const stem = basename(source, extname(source))
    let name = `${stem}.png`
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${stem}-${n}.png`
    taken.add(name.toLowerCase())
    return name
  })
}
