// vitrine classify: images → the likeliest classes, as JSON lines. Before it: main.ts; after it: model.stream.
import { topClasses } from '../classes'
import type { StreamOptions } from '../index'
import { checkOptions } from '../options-check'
import type { ExitCode } from './exit'
import { type Flags, optionsFor } from './flags'
import { expandInputs } from './inputs'
import { openText } from './output'
import { startProgress } from './progress'
import { barShown, Failures, openModel } from './run'

export async function classify(inputs: string[], flags: Flags): Promise<ExitCode> {
  const { topK, exif, maxPixels } = checkOptions('classify', optionsFor('classify', flags), 'vitrine classify')
  const sources = await expandInputs(inputs)
  const model = await openModel(flags)
  const options: StreamOptions = { pool: 'logits', exif, maxPixels }
  const output = await openText(flags.output as string | undefined)
  const progress = startProgress(sources.length, barShown(flags))
  const failures = new Failures(progress)
  try {
    for await (const { index, features, error } of model.stream(sources, options)) {
      const source = sources[index]!
      if (error) failures.add(error)
      const result = error
        ? { index, source, error: { code: error.code, message: error.message } }
        : { index, source, classes: topClasses((features as { data: Float32Array }).data, model.info.labels, topK) }
      await output.write(`${JSON.stringify(result)}\n`)
      progress.tick()
    }
    await output.end()
  } catch (error) {
    await output.discard()
    throw error
  } finally {
    progress.end()
    await model.close()
  }
  return failures.exitCode
}
