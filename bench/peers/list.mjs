// Every peer: its precision, and the command that answers for it. Before it: ../options.mjs; after it: child.mjs.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** PyTorch, compiled by a backend: the interpreter's option, and the package that it must have. */
const torch = (precision, backend, python, needed) => ({
  precision,
  file: 'torch_peer.py',
  args: [backend, precision],
  python,
  needs: [needed, 'safetensors'],
})

/**
 * precision: which peak its share is of (`peak`, where that is another), and which peers it is compared with.
 * file, args: run by Node, or by the interpreter that the option `python` names, which must have the packages `needs`.
 * env: added to the environment. extra: measured only when --only names it. reduced: its arguments where sums of two products of bytes
 * saturate.
 */
const table = {
  vitrine: { precision: 'fp32', file: 'vitrine.mjs', args: ['fp32'] },
  'vitrine-bf16': { precision: 'bf16', file: 'vitrine.mjs', args: ['bf16'] },
  'vitrine-int8': { precision: 'int8', file: 'vitrine.mjs', args: ['int8'] },
  'vitrine-avx2': { precision: 'fp32', peak: 'fp32-avx2', file: 'vitrine.mjs', args: ['fp32'], env: { VITRINE_ISA: 'avx2' }, extra: true },
  'onnxruntime-node': { precision: 'fp32', file: 'onnxruntime-node.mjs', args: ['cls.onnx'] },
  'onnxruntime-node-int8': { precision: 'int8', file: 'onnxruntime-node.mjs', args: ['cls-int8.onnx'], reduced: ['cls-int8-reduced.onnx'] },
  'transformers.js': { precision: 'fp32', file: 'transformersjs.mjs', args: [] },
  openvino: { precision: 'fp32', file: 'openvino_peer.py', args: ['fp32'], python: 'python', needs: ['openvino'] },
  'openvino-bf16': { precision: 'bf16', file: 'openvino_peer.py', args: ['bf16'], python: 'python', needs: ['openvino'] },
  'openvino-int8': { precision: 'int8', file: 'openvino_peer.py', args: ['int8'], python: 'python', needs: ['openvino', 'nncf'] },
  pytorch: torch('fp32', 'inductor', 'python', 'torch'),
  'pytorch-bf16': torch('bf16', 'inductor', 'python', 'torch'),
  zentorch: torch('fp32', 'zentorch', 'python-zentorch', 'zentorch'),
  'zentorch-bf16': torch('bf16', 'zentorch', 'python-zentorch', 'zentorch'),
}

export const peers = Object.fromEntries(Object.entries(table).map(([name, peer]) => [name, { name, peak: peer.precision, ...peer }]))
export const isOurs = ({ name }) => name.startsWith('vitrine')
export const fileOf = (file) => fileURLToPath(new URL(file, import.meta.url))

/** Packages that the interpreter lacks, and numpy, which every peer in Python needs; throws where it does not run. */
function missingPackages(python, needs) {
  const script = 'import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name) is None])'
  const { status, stdout, stderr, error } = spawnSync(python, ['-c', script, 'numpy', ...needs], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${python} does not run as Python: ${error?.message ?? stderr.trim().split('\n').at(-1)}`)
  return stdout.trim().split(' ').filter(Boolean)
}

/**
 * → { run: peers to measure, left: [{ name, why }] }. Without `only` (names), all but the extra ones, and left out is what Python lacks and
 * others in a precision of `emulated`, which this CPU has no instruction for: they take minutes an image. What `only` names must be there,
 * or this throws. `saturates`: what this CPU has for products of bytes adds two of them in int16.
 */
export function choosePeers(only, pythons, { emulated = [], saturates = false } = {}) {
  const run = []
  const left = []
  for (const name of only ?? Object.keys(peers).filter((peer) => !peers[peer].extra)) {
    const peer = peers[name]
    const interpreter = peer.python && pythons[peer.python]
    const missing = interpreter ? missingPackages(interpreter, peer.needs) : []
    let why
    if (peer.python && !interpreter) why = `needs --${peer.python}, an interpreter with ${peer.needs.join(' and ')}`
    else if (missing.length > 0) why = `${interpreter} has no ${missing.join(', ')}`
    if (!only && !isOurs(peer) && emulated.includes(peer.precision)) why ??= `this CPU has no instruction for dots of ${peer.precision}`
    if (why && only) throw new Error(`${name}: ${why}`)
    if (why) left.push({ name, why })
    else run.push({ ...peer, interpreter, ...(saturates && peer.reduced ? { args: peer.reduced, note: 'weights of 7 bits' } : {}) })
  }
  return { run, left }
}
