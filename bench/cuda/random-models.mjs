// Random checkpoints to measure on, written once into the cache. Before it: index.js; after it: ../inputs/models.mjs.

import { fileURLToPath } from 'node:url'
import { prepareModel, shapes } from '../inputs/models.mjs'

/** For a run on the CPU that is over within seconds. */
shapes.tiny ??= { dim: 64, layers: 2, heads: 2, mlp: 128, patch: 16, size: 64 }

export function makeModel(cache, name) {
  if (!shapes[name]) throw new Error(`no model '${name}': there are ${Object.keys(shapes).join(', ')}`)
  const source = fileURLToPath(new URL('../inputs/models.mjs', import.meta.url))
  return prepareModel(cache, `cuda-${name}`, [source], async () => {})
}

export const shapeOf = (name) => shapes[name]
