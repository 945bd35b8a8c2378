// Judges exported files by other people's tools: onnx's checker and Python's onnxruntime, from PyPI, in .cache/check-export. Exports every
// fixture that opens (test/fixtures, or VITRINE_FIXTURES), plain and fused, as one file and with the weights beside it, and compares what
// Python computes with the goldens.
//
//     node scripts/check-export.mjs [name…]        needs the built library; Python 3.9 or newer; the network, the first time
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { exportOnnx } = createRequire(import.meta.url)('../dist/index.js')
const { openCheckpoint } = createRequire(import.meta.url)('../dist/checkpoint/open.js')
const kinds = [
  { kind: 'plain' },
  { kind: 'plain, external', external: true },
  { kind: 'fused', fused: true },
  { kind: 'fused, external', fused: true, external: true },
]

function run(title, command, args, stdio = 'pipe') {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', stdio })
  if (status === 0) return
  process.stderr.write(`${title} failed: ${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}\n`)
  process.exit(status || 1)
}

/** The interpreter of an environment with the packages, made now if it is not there. */
function python() {
  const folder = join(root, '.cache', 'check-export')
  const interpreter = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python')
  const ready = join(folder, 'ready')
  if (existsSync(ready)) return interpreter
  process.stderr.write(`making ${folder}\n`)
  mkdirSync(dirname(folder), { recursive: true })
  run('python3 -m venv', process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', folder])
  run('pip install', interpreter, ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', 'onnx', 'onnxruntime', 'numpy'])
  writeFileSync(ready, '')
  return interpreter
}

/** [height, width] of the golden's pixels. */
function sizeOf(path) {
  const bytes = readFileSync(path)
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE(0))))
  return header.pixel_values.shape.slice(2)
}

const parent = process.env.VITRINE_FIXTURES ?? join(root, 'test', 'fixtures')
const names = process.argv.slice(2)
const work = mkdtempSync(join(tmpdir(), 'vitrine-export-'))
const jobs = []
let unopened = 0
for (const name of readdirSync(parent).sort()) {
  const folder = join(parent, name)
  const golden = join(folder, 'golden.safetensors')
  if (!existsSync(golden) || (names.length > 0 && !names.includes(name))) continue
  const { source, tolerance = 1e-4 } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'))
  const checkpoint = source ? join(folder, source) : folder
  // A graph already; or a family, container or option that vitrine does not have (yet).
  if (name.startsWith('onnx-') || (await openCheckpoint(checkpoint, {}).catch(() => null)) === null) {
    unopened++
    continue
  }
  const [height, width] = sizeOf(golden)
  for (const [i, { kind, ...options }] of kinds.entries()) {
    const path = join(work, name, String(i), 'model.onnx')
    await exportOnnx(checkpoint, path, { ...options, imageSize: { height, width } })
    jobs.push({ name, kind, path, golden, tolerance, standard: !options.fused })
  }
}
writeFileSync(join(work, 'jobs.json'), JSON.stringify(jobs))
const status = spawnSync(python(), [join(root, 'scripts', 'check-export.py'), join(work, 'jobs.json'), String(unopened)], {
  stdio: 'inherit',
}).status
rmSync(work, { recursive: true, force: true })
process.exit(status ?? 1)
