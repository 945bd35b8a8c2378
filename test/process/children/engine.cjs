// The addon in plain JavaScript, for the children: loads the model of argv[2], begins images. No compiled library is needed.
const { readFileSync } = require('node:fs')
const addon = require(process.env.VITRINE_ADDON)

const output = {
  kind: 'pool',
  branches: [{ terms: [{ row: 0, count: 1, mean: false, afterNorm: true }], head: -1 }],
  normalize: false,
  layer: -1,
}

/** The model described by a JSON file: { spec, side }. */
async function open(path, threads = 2) {
  const { spec, side } = JSON.parse(readFileSync(path, 'utf8'))
  const model = await addon.loadModel(spec, { threads }).promise
  const begin = (rows = 1) => {
    const sink = new Float32Array(rows * spec.dim)
    const image = { kind: 'pixels', data: new Float32Array(3 * side * side).fill(0.5), height: side, width: side }
    return Array.from({ length: rows }, (_, row) => model.run(image, [output], [sink], row))
  }
  return { model, begin }
}

/** Waits, event loop running, until a block is being computed. */
async function untilRunning() {
  while (addon.counters().blocksRunning === 0) await new Promise((resolve) => setImmediate(resolve))
}

module.exports = { addon, open, untilRunning }
