// transformers DeiT: a distillation token beside CLS; classifiers with one head, or with a teacher's beside it, whose logits are averaged.
// Before it: index.ts; after it: vit.ts, whose names and config it shares.
import { Config } from './config'
import { type EncoderNames, tokenTerm, View } from './encoder'
import type { Family } from './family'
import { addHead, expectRows } from './head'
import { beforeCrop, half, squashAndCrop } from './pipelines'
import { readVit, names as vitNames } from './vit'

const names: EncoderNames = {
  ...vitNames,
  prefix: [...vitNames.prefix, { names: ['embeddings.distillation_token'], position: true }],
}

export const deit: Family = {
  name: 'deit',
  modelTypes: ['deit'],
  read(source) {
    const model = readVit(source, View.under(source.tensors, ['deit.']), names)
    const config = new Config(source.config ?? {}, source.configName)
    const labels = config.labels()
    const root = new View(source.tensors, '')
    const single = addHead(model.spec, root, 'classifier', [tokenTerm(0)])
    const pair = [
      addHead(model.spec, root, 'cls_classifier', [tokenTerm(0)]),
      addHead(model.spec, root, 'distillation_classifier', [tokenTerm(1)]),
    ].filter((branch) => branch !== undefined)
    if (pair.length === 1)
      root.find(
        ['cls_classifier', 'distillation_classifier'].filter((name) => !root.has([name], '.weight')),
        '.weight',
      )
    const logits = single ? [single] : pair
    for (const branch of [...logits, ...pair]) expectRows(model.spec, branch, config, 'id2label', labels?.length)
    source.tensors.ignore(/^(deit\.)?embeddings\.mask_token$|^decoder\./)
    const resized = { height: beforeCrop(model.imageSize.height), width: beforeCrop(model.imageSize.width) }
    return {
      ...model,
      hasCls: true,
      ...(logits.length > 0 && { logits, ...(labels && { labels }) }),
      pipeline: squashAndCrop(resized, model.imageSize, 'bicubic', half),
    }
  },
}
