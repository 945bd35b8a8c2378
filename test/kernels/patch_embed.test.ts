// native/kernels/patch_embed.h: every instruction set against the reference, from bytes and from planes.
import { describe, test } from 'vitest'
import { bf16 } from '../support/bf16'
import { Random } from '../support/seed'
import { unpadded } from '../support/shapes'
import { expectSameBits, expectWithin, norm, reduction } from '../support/tolerance'
import { isas, kernels, type PatchEmbedCall } from './kernels'

interface Shape {
  height: number
  width: number
  patchHeight: number
  patchWidth: number
  n: number
}

const square = (size: number, patch: number, n: number): Shape => ({ height: size, width: size, patchHeight: patch, patchWidth: patch, n })

/** What is multiplied is bf16 already, so that no kernel rounds it. */
function makeCall(random: Random, shape: Shape, kind: 'bytes' | 'planes'): PatchEmbedCall {
  const { height, width, patchHeight, patchWidth, n } = shape
  const [patches, k, ldt] = [(height / patchHeight) * (width / patchWidth), 3 * patchHeight * patchWidth, n + 37]
  const position = random.floats(patches * ldt)
  for (let i = 0; i < position.length; i++) if (i % ldt >= n) position[i] = 0
  return {
    ...shape,
    ...(kind === 'bytes' ? { bytes: random.bytes(3 * height * width) } : { planes: bf16(random.floats(3 * height * width, 2)) }),
    w: bf16(random.floats(n * k, kind === 'bytes' ? 1 / 128 : 1)),
    bias: random.floats(n),
    position,
    tokens: random.floats(patches * ldt),
    ldt,
    patchBegin: 0,
    patchEnd: patches,
    slack: random.int(0, 3),
  }
}

function compare(name: string, call: PatchEmbedCall, seed: number): void {
  const k = 3 * call.patchHeight * call.patchWidth
  const rows = call.patchEnd - call.patchBegin
  const trim = (tokens: Float32Array) => unpadded(rows, call.n, call.ldt, tokens.subarray(call.patchBegin * call.ldt))
  const largest = Math.sqrt(k) * (call.planes ? 2 : 255)
  const norms = Array.from({ length: call.n }, (_, i) => norm(call.w, i * k, k))
  const what = `${name} ${call.height}×${call.width} patch ${call.patchHeight}×${call.patchWidth} n ${call.n}`
  const actual = kernels.patchEmbed(name, call)
  expectWithin(trim(actual), trim(kernels.patchEmbed('reference', call)), (i) => reduction(k, largest * norms[i % call.n]! + 2), what, seed)
  const outside = (_: number, i: number) => i < call.patchBegin * call.ldt || i >= call.patchEnd * call.ldt
  expectSameBits(actual.filter(outside), call.tokens.filter(outside), `${what}, outside`, seed)
}

const shapes: Shape[] = [
  square(224, 16, 40),
  square(56, 14, 33),
  square(64, 32, 31),
  square(8, 8, 1),
  square(12, 1, 9),
  { height: 21, width: 40, patchHeight: 7, patchWidth: 5, n: 50 },
  { height: 6, width: 48, patchHeight: 3, patchWidth: 16, n: 8 },
]

describe.each(isas)('patch_embed on $name', ({ name }) => {
  test.each(shapes)('$height×$width, patch $patchHeight×$patchWidth, $n columns', (shape) => {
    const random = new Random(3000)
    for (const kind of ['bytes', 'planes'] as const) {
      const call = makeCall(random, shape, kind)
      compare(name, call, random.seed)
      const { bias: _, position: __, ...bare } = call
      compare(name, bare, random.seed)
      compare(name, { ...call, patchBegin: Math.floor(call.patchEnd / 3) }, random.seed)
      compare(name, { ...call, narrow: true }, random.seed)
    }
  })

  test.each([{}, { narrow: true as const }])('a patch has the same bits alone %o', (narrow) => {
    const random = new Random(3100)
    for (const kind of ['bytes', 'planes'] as const) {
      const call = { ...makeCall(random, square(98, 14, 35), kind), ...narrow }
      const whole = kernels.patchEmbed(name, call)
      let tokens = call.tokens
      for (let i = 0; i < call.patchEnd; i++) tokens = kernels.patchEmbed(name, { ...call, tokens, patchBegin: i, patchEnd: i + 1 })
      expectSameBits(tokens, whole, `${kind} alone`, random.seed)
    }
  })

  test('NaN in a plane stays in its patch', () => {
    const call = makeCall(new Random(3200), square(32, 8, 20), 'planes')
    const clean = kernels.patchEmbed(name, call)
    call.planes![32 * 32 + 9 * 32 + 17] = Number.NaN // channel 1, row 9, column 17: patch 6
    const dirty = kernels.patchEmbed(name, call)
    const trim = (tokens: Float32Array) => unpadded(16, 20, call.ldt, tokens)
    const expected = trim(clean).map((value, i) => (Math.floor(i / 20) === 6 ? Number.NaN : value))
    expectSameBits(
      trim(dirty).map((value) => value),
      expected.map((value) => value),
      'confined',
    )
  })
})
