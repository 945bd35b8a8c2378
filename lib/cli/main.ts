#!/usr/bin/env node
// The command line: commands, their flags, and how they end. After it: one file per command.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { pools } from '../pooling'
import { attention } from './attention'
import { bench, benchFlags } from './bench'
import { classify } from './classify'
import { doctor } from './doctor'
import { CommandError, describe, type ExitCode, exitCodes, isUsage } from './exit'
import { exportHelp, exportModel } from './export'
import { features } from './features'
import { addFlags, type Flags, parse } from './flags'
import { formats } from './formats'
import { info } from './info'
import { quitOnClosedPipe } from './output'
import { packedCacheKept } from './run'

const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }
const inputsHelp = 'image files, folders (searched through) or globs'
const listed = (table: Record<string, { help: string }>) =>
  Object.entries(table)
    .map(([name, { help }]) => `  ${name.padEnd(12)} ${help}`)
    .join('\n')

function build(done: (code: ExitCode) => void): Command {
  const program = new Command('vitrine')
    .description('Images in, Vision Transformer features out.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText(
      'after',
      '\nExit codes: 0 all done, 1 some images failed or the run broke off, 2 wrong usage, 3 the model could not be loaded.',
    )
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--model <path>', 'checkpoint folder or weight file (default: the default checkpoint)')

  addFlags(command('features', 'feature vectors of images'), ['load', 'stream'])
    .argument('<images...>', inputsHelp)
    .option('--format <name>', Object.keys(formats).join(', '), 'jsonl')
    .option('--output <file>', 'where to write (default: standard output)')
    .addHelpText('after', `\nPools (several: --pool cls,mean):\n${listed(pools)}\n\nFormats:\n${listed(formats)}`)
    .action(async (images: string[], flags: Flags) => done(await features(images, flags)))
  addFlags(command('classify', 'the likeliest classes of images, as JSON lines'), ['load', 'classify'])
    .argument('<images...>', inputsHelp)
    .option('--output <file>', 'where to write (default: standard output)')
    .action(async (images: string[], flags: Flags) => done(await classify(images, flags)))
  addFlags(command('attention', 'what the CLS token attended to in the last block, as PNG over the image'), ['load', 'attention'])
    .argument('<images...>', inputsHelp)
    .option('--head <n>', 'one head, from 0 (default: the mean of all)', (text) => parse(text, { kind: 'integer', min: 0, max: 0 }))
    .option('--output <folder>', 'where to write', 'attention')
    .action(async (images: string[], flags: Flags) => done(await attention(images, flags)))
  addFlags(command('info', 'what a checkpoint is and how it would run'), ['load'])
    .option('--json', 'JSON on a terminal too (default: off)')
    .action(async (flags: Flags) => done(await info(flags)))
  addFlags(command('bench', 'how fast a checkpoint runs here, on made-up pixel values'), ['load'])
    .option('--batch <n>', 'images of a call', (text) => parse(text, benchFlags.batch), 1)
    .option('--seconds <n>', 'how long calls are made, at least three', (text) => parse(text, benchFlags.seconds), 3)
    .option('--profile', 'thread time and arithmetic of each stage of the encoder (default: off)')
    .option('--json', 'JSON on a terminal too (default: off)')
    .action(async (flags: Flags) => done(await bench(flags)))
  program
    .command('doctor')
    .description('where models can run here: what was looked for, found and is missing for ONNX Runtime and CUDA')
    .option('--json', 'JSON on a terminal too (default: off)')
    .addHelpText('after', '\nExit codes: 0 what is there can be used, 1 something is there and broken or incomplete.')
    .action(async (flags: Flags) => done(await doctor(flags)))
  const exporting = addFlags(program.command('export').description('a checkpoint as an ONNX graph, for other runtimes'), ['export'])
  // The table's help is about computing; a file has two of its precisions.
  const dtype = exporting.options.find(({ long }) => long === '--dtype')
  if (dtype) dtype.description = 'fp32, or fp16, which halves the file (default: fp32)'
  exporting
    .usage('[options] [checkpoint] <file.onnx>')
    .argument('<paths...>', 'checkpoint folder or weight file (without it the default checkpoint), and the file to write')
    .addHelpText('after', exportHelp)
    .action(async (paths: string[], flags: Flags) => {
      const [file, checkpoint, ...more] = paths.toReversed()
      if (more.length > 0) throw new CommandError(exitCodes.usage, `export takes a checkpoint and a file, found ${paths.join(' ')}`)
      done(await exportModel(checkpoint, file!, flags))
    })
  return program
}

async function main(): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok
  try {
    await build((ended) => {
      code = ended
    }).parseAsync()
    await packedCacheKept()
    return code
  } catch (error) {
    // commander has said its part itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    process.stderr.write(`vitrine: ${describe(error)}\n`)
    if (error instanceof CommandError) return error.exitCode
    return isUsage(error) ? exitCodes.usage : exitCodes.failed
  }
}

quitOnClosedPipe()
main().then((code) => {
  process.exitCode = code
})
