// Every family, in the order in which they are asked. Before it: checkpoint/open.ts; after it: the family's own file.
import { VitrineError } from '../errors'
import { clip } from './clip'
import { deit } from './deit'
import { dinov2 } from './dinov2'
import { dinov2WithRegisters } from './dinov2_with_registers'
import type { CheckpointSource, Family } from './family'
import { torchvision } from './torchvision'
import { vit } from './vit'

export const families: readonly Family[] = [vit, deit, dinov2, dinov2WithRegisters, clip, torchvision]

/** By the config's `model_type`, or by tensor names where no config gives one. ERR_CHECKPOINT_UNSUPPORTED names what was found. */
export function familyOf(source: CheckpointSource): Family {
  const type = source.config?.model_type
  const found =
    type === undefined
      ? families.find((family) => family.recognises?.(source.tensors))
      : families.find((family) => family.modelTypes.includes(type as string))
  if (found) return found
  const known = families.flatMap((family) => family.modelTypes).join(', ')
  throw new VitrineError(
    'ERR_CHECKPOINT_UNSUPPORTED',
    `${unknown(source)}: vitrine computes the model types ${known}, and torchvision's VisionTransformer`,
  )
}

function unknown({ name, config, configName, tensors }: CheckpointSource): string {
  if (config?.model_type !== undefined)
    return `${configName}: model_type ${JSON.stringify(config.model_type)} is no encoder that vitrine knows`
  if (config?.architecture !== undefined)
    return `${configName}: architecture ${JSON.stringify(config.architecture)}, a timm model, is not known yet`
  const first = tensors.names().slice(0, 3).join(', ') || 'none'
  const why = config ? `${configName} has no model_type` : 'no config.json lies beside it'
  return `${name}: ${why}, and the names of its tensors (${first}, …) are of no family that can do without`
}
