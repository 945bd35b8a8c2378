// What a bench runs: options, peers, the yardstick, the peak, the protocol of peers in Python.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runChild } from '../support/child'
import { bench, load } from './support'

interface Yardstick {
  cells: object[]
  cpuSeconds: number
  measure(gops: Record<string, number>): Promise<void>
}
interface Peak {
  missing?: string
  gops: Record<string, number>
  by: Record<string, string>
  measure(): Promise<void>
}
let prepareYardstick: (path: string) => Yardstick
let preparePeak: (cache: string, threads: number) => Peak
let choosePeers: (
  only: string[] | null,
  pythons: object,
  limits?: { emulated?: string[]; saturates?: boolean },
) => { run: { name: string; args: string[] }[]; left: { name: string; why: string }[] }
let microarchitecture: (cpuinfo: string) => string | null
beforeAll(async () => {
  prepareYardstick = (await load<{ prepareYardstick: typeof prepareYardstick }>('yardstick.mjs')).prepareYardstick
  preparePeak = (await load<{ preparePeak: typeof preparePeak }>('peak/peak.mjs')).preparePeak
  choosePeers = (await load<{ choosePeers: typeof choosePeers }>('peers/list.mjs')).choosePeers
  microarchitecture = (await load<{ microarchitecture: typeof microarchitecture }>('environment.mjs')).microarchitecture
})

const folder = mkdtempSync(join(tmpdir(), 'vitrine-bench-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function script(name: string, text: string) {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

it.skipIf(process.platform === 'win32')('a yardstick gets the peaks, and its least times count', async () => {
  // Prints its arguments as times; the second call is faster by 1.
  const path = script(
    'ruler',
    `#!/bin/sh
[ -e "$0.ran" ] && less=1 || less=0
touch "$0.ran"
echo "some other line"
echo "b16 fp32 batch 1: $(($1 - less)).5 ms per image, share of peak 0.920"
echo "s16 int8 batch 8: $(($3 - less)) ms per image, share of peak 0.500"
`,
  )
  const yardstick = prepareYardstick(path)
  await yardstick.measure({ fp32: 100, 'fp32-avx2': 1, int8: 400 })
  await yardstick.measure({ fp32: 100, int8: 402 })
  expect(yardstick.cells).toEqual([
    { model: 'vit-b16', precision: 'fp32', batch: 1, best: 99.5 },
    { model: 'vit-s16', precision: 'int8', batch: 8, best: 400 },
  ])
  expect(yardstick.cpuSeconds).toBeGreaterThanOrEqual(0)
})

it.skipIf(process.platform === 'win32')('a yardstick that fails or says nothing ends the run', async () => {
  const failing = prepareYardstick(script('failing', '#!/bin/sh\necho broken >&2\nexit 3\n'))
  await expect(failing.measure({})).rejects.toThrow(/--yardstick: .*failing failed \(3\): broken/)
  await expect(prepareYardstick(script('silent', '#!/bin/sh\n')).measure({})).rejects.toThrow(/printed no line/)
  await expect(prepareYardstick(join(folder, 'absent')).measure({})).rejects.toThrow(/--yardstick: .*absent failed/)
})

it('peers that Python lacks are left out with a reason, and refused where they were asked for', () => {
  const { run, left } = choosePeers(null, {})
  expect(run.map(({ name }) => name)).toEqual([
    'vitrine',
    'vitrine-bf16',
    'vitrine-int8',
    'onnxruntime-node',
    'onnxruntime-node-int8',
    'transformers.js',
  ])
  expect(left).toContainEqual({ name: 'zentorch', why: 'needs --python-zentorch, an interpreter with zentorch and safetensors' })
  expect(() => choosePeers(['vitrine', 'openvino'], {})).toThrow('openvino: needs --python, an interpreter with openvino')
  const absent = join(folder, 'no-python')
  expect(() => choosePeers(null, { python: absent })).toThrow(`${absent} does not run as Python`)
})

it('peers in numbers that the CPU has no dots of are left out unless they are asked for', () => {
  const names = ({ run }: ReturnType<typeof choosePeers>) => run.map(({ name }) => name)
  const { run, left } = choosePeers(null, {}, { emulated: ['int8'] })
  expect(names({ run, left })).not.toContain('onnxruntime-node-int8')
  expect(names({ run, left })).toContain('vitrine-int8')
  expect(left).toContainEqual({ name: 'onnxruntime-node-int8', why: 'this CPU has no instruction for dots of int8' })
  expect(names(choosePeers(['onnxruntime-node-int8'], {}, { emulated: ['int8'] }))).toEqual(['onnxruntime-node-int8'])
})

it('where sums of bytes saturate, ONNX Runtime gets weights that cannot', () => {
  const file = (saturates: boolean) => choosePeers(['onnxruntime-node-int8'], {}, { saturates }).run.map(({ args }) => args)
  expect(file(false)).toEqual([['cls-int8.onnx']])
  expect(file(true)).toEqual([['cls-int8-reduced.onnx']])
})

it.each([
  [['--models', 'vit-x'], '--models: vit-x is not one of vit-b16'],
  [['--threads', '1,0'], '--threads: expected a whole number from 1, found 0'],
  [['--plot', 'a.png'], '--plot: expected a file named .svg, found a.png'],
  [['--only', ''], '--only: nothing is not one of vitrine'],
  [['--speed'], "Unknown option '--speed'"],
])('%j is refused', (args, message) => {
  const { code, out, error } = runChild(bench('run.mjs'), args)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(error).toContain(`bench: ${message}`)
})

it('measures the peaks that the CPU has', async (context) => {
  const peak = preparePeak(folder, 1)
  if (peak.missing) return context.skip()
  await peak.measure()
  const first = { ...peak.gops }
  await peak.measure()
  expect(peak.gops.fp32).toBeGreaterThan(0.1)
  for (const [precision, rate] of Object.entries(first)) expect(peak.gops[precision]).toBeGreaterThanOrEqual(rate)
  expect(Object.keys(peak.by)).toEqual(Object.keys(peak.gops))
  if (process.arch === 'x64') expect(peak.gops.fp32).toBeGreaterThanOrEqual((peak.gops['fp32-avx2'] ?? 0) * 0.5)
})

it('knows CPUs that have targets', () => {
  const cpu = (vendor: string, family: number, model: number) =>
    `vendor_id\t: ${vendor}\ncpu family\t: ${family}\nmodel\t\t: ${model}\nmodel name\t: X\n`
  expect(microarchitecture(cpu('AuthenticAMD', 25, 17))).toBe('Zen 4')
  expect(microarchitecture(cpu('AuthenticAMD', 25, 1))).toBe('Zen 3')
  expect(microarchitecture(cpu('AuthenticAMD', 26, 2))).toBe('Zen 5')
  expect(microarchitecture(cpu('GenuineIntel', 6, 106))).toBe('Ice Lake')
  expect(microarchitecture(cpu('GenuineIntel', 6, 143))).toBe('Sapphire Rapids')
  expect(microarchitecture(cpu('GenuineIntel', 6, 207))).toBe('Sapphire Rapids')
  expect(microarchitecture(cpu('GenuineIntel', 6, 85))).toBeNull()
  expect(microarchitecture('')).toBeNull()
})

const numpy = spawnSync('python3', ['-c', 'import numpy']).status === 0

it.skipIf(!numpy)('a peer in Python answers as serve.mjs does', () => {
  const pixels = join(folder, 'pixels.f32')
  writeFileSync(pixels, new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer))
  const peer = script(
    'peer.py',
    `import sys
sys.path.insert(0, ${JSON.stringify(bench('peers'))})
from serve import serve
def open_model(folder, threads):
    print("a library that prints")
    return (lambda x: x.reshape(len(x), -1) * 2), {"test": folder}
serve(open_model)
`,
  )
  const requests = [
    { id: 0, request: 'open', folder: 'F', threads: 2, pixels, dims: [2, 3, 1, 1], photos: [] },
    { id: 1, request: 'vectors', input: 'pixels', batch: 2 },
    { id: 2, request: 'time', input: 'pixels', batch: 2, calls: 4, ms: 0 },
    { id: 3, request: 'delay', input: 'pixels', batch: 2, ms: 1 },
    { id: 4, request: 'usage' },
    { id: 5, request: 'vectors', input: 'pixels' },
  ]
  const { stdout, stderr } = spawnSync('python3', [peer], {
    input: requests.map((r) => `${JSON.stringify(r)}\n`).join(''),
    encoding: 'utf8',
  })
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(answers.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5])
  const [opened, vectors, time, delay, usage, failed] = answers
  expect(opened.answer).toMatchObject({ versions: { test: 'F' }, isa: null, inputs: ['pixels'], rss: expect.any(Number) })
  const bytes = Uint8Array.from(Buffer.from(vectors.answer.values, 'base64'))
  expect([...new Float32Array(bytes.buffer)]).toEqual([2, 4, 6, 8, 10, 12])
  expect(time.answer.times).toHaveLength(4)
  expect(delay.answer).toBeNull()
  expect(usage.answer).toEqual({ cpuSeconds: expect.any(Number), peakRss: expect.any(Number) })
  expect(failed.error).toContain('batch')
  expect(stderr).toContain('a library that prints')
})
