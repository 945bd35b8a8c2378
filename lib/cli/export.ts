// vitrine export: a checkpoint → an .onnx file. Before it: main.ts; after it: onnx/export.ts.
import { relative } from 'node:path'
import { exportOnnx } from '../index'
import { checkOptions } from '../options-check'
import { CommandError, describe, type ExitCode, exitCodes, isUsage } from './exit'
import { type Flags, optionsFor } from './flags'
import { startBytes } from './progress'

export const exportHelp = `
The graph takes pixel_values float32 [batch, 3, height, width], already normalised, of any batch and of one size (--image-size).
It gives, float32, what transformers calls last_hidden_state, pooler_output or image_embeds, and logits, and beside them cls, mean and
cls_mean; --outputs takes the names of pools, as --pool of features does. Operators are standard ones of opset 17 unless --fused.

vitrine and transformers.js open the folder as it is: config.json and the preprocessor's file are copied where the folder has none, into
the folder of the model, or one folder up where that is called onnx (transformers.js looks for onnx/model.onnx, or onnx/model_fp16.onnx).

  vitrine export google-vit out/onnx/model.onnx
  vitrine export google-vit out/onnx/model_fp16.onnx --dtype fp16
  vitrine export dinov2.onnx                                      (the default checkpoint)
`

export async function exportModel(checkpoint: string | undefined, file: string, flags: Flags): Promise<ExitCode> {
  const options = checkOptions('export', optionsFor('export', flags), 'vitrine export')
  const bar = startBytes()
  try {
    const { files, companions, outputs } = await exportOnnx(checkpoint, file, {
      ...options,
      progress: ({ stage, loaded, total }) => stage === 'weights' && bar.update(loaded, total),
    })
    bar.end()
    const sizes = files.map(({ path, bytes }) => `${path} (${(bytes / 1e6).toFixed(1)} MB)`)
    process.stderr.write(`wrote ${sizes.join(' and ')}: ${Object.values(outputs).join(', ')}\n`)
    if (companions.length > 0) process.stderr.write(`beside it: ${companions.map((path) => relative('.', path)).join(', ')}\n`)
    return exitCodes.ok
  } catch (error) {
    bar.end()
    const loading = error instanceof Error && 'code' in error && /^ERR_(CHECKPOINT|CONFIG|TENSOR|HEADS|MODEL)_/.test(String(error.code))
    throw new CommandError(isUsage(error) ? exitCodes.usage : loading ? exitCodes.model : exitCodes.failed, describe(error), {
      cause: error,
    })
  }
}
