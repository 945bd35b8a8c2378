// The option table and its check: every option of every call, its right and its wrong values.
import { describe, expect, test } from 'vitest'
import { type CallName, optionRows, optionsOf } from '../../lib/options'
import { checkOptions } from '../../lib/options-check'
import { expectCode } from './support'

const calls: CallName[] = ['load', 'features', 'stream', 'classify', 'attention', 'preprocess', 'export']

/** By option: values that are right, and values that are not. */
const values: Record<string, { right: unknown[]; wrong: unknown[] }> = {
  device: {
    right: [
      ...['auto', 'cpu', 'ort-cpu', 'cuda', 'cuda:1', 'CoreML'],
      { name: 'cuda' },
      { name: 'cuda:0', memoryLimit: 1e9, tf32: true, graphCapture: false, batch: 8, options: { a: 'b', c: 1, d: true } },
    ],
    wrong: [
      ...[1, null, {}, '', 'cuda:', 'cuda:x', ':1', 'two words', { name: 5 }, { name: 'cuda', colour: 1 }, ['cuda']],
      ...[
        { memoryLimit: 0 },
        { tf32: 1 },
        { graphCapture: 'yes' },
        { batch: 0 },
        { batch: 1.5 },
        { options: 5 },
        { options: { a: null } },
      ].map((settings) => ({ name: 'cuda', ...settings })),
    ],
  },
  dtype: { right: ['fp32', 'fp16', 'bf16', 'int8', 'auto'], wrong: ['fp64', 'FP32', 32] },
  threads: { right: [1, 8], wrong: [0, -1, 1.5, Number.NaN, '2', 1025, 2n] },
  heads: { right: [1, 12], wrong: [0, '12', Number.POSITIVE_INFINITY] },
  file: { right: ['model.safetensors'], wrong: [1, true] },
  preprocess: { right: [{}, { crop: null }], wrong: [[], 'pillow', null] },
  imageSize: {
    right: [224, { height: 224, width: 336 }],
    wrong: [0, -14, 1.5, '224', [224, 224], { height: 224 }, { height: 1, width: 2, depth: 3 }, 16385, null],
  },
  packedCache: { right: [true, false], wrong: ['off', 0, null] },
  progress: { right: [() => {}], wrong: [true, {}] },
  pool: { right: ['cls', ['cls', 'mean']], wrong: ['CLS', [], ['cls', 'max'], true, null, 'toString', '__proto__'] },
  normalize: { right: [true, false], wrong: [1, 'true', null] },
  layers: { right: [[1], [4, 8, -1]], wrong: [[], 4, [0], [1.5], ['4'], null] },
  tokenMerging: { right: [0, 8, [8], [4, 0, 4]], wrong: [-1, 1.5, '8', [], [1, -1], ['8'], null, 2 ** 21, { r: 8 }] },
  topK: { right: [1, 1000], wrong: [0, 2.5, '5'] },
  exif: { right: [true, false], wrong: [0, 'no'] },
  maxPixels: { right: [1, 1e9], wrong: [0, -5, Number.POSITIVE_INFINITY, '1e6'] },
  errors: { right: ['throw', 'collect'], wrong: ['ignore', true] },
  inFlight: { right: [1, 64], wrong: [0, 0.5, '8'] },
  outputs: { right: ['tokens', ['cls', 'mean']], wrong: ['last_hidden_state', [], true] },
  fused: { right: [true, false], wrong: [1, 'yes'] },
  external: { right: [true, false], wrong: ['model.onnx_data', null] },
  force: { right: [true, false], wrong: [1, null] },
  signal: { right: [new AbortController().signal], wrong: [{}, 'abort', new AbortController(), null] },
  timeoutMs: { right: [1, 250.5], wrong: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '100'] },
}

test('every option of the table has values here', () => {
  expect(Object.keys(values).sort()).toEqual(Object.keys(optionRows).sort())
})

describe.each(calls)('%s', (call) => {
  test.each(optionsOf(call))('%s', async (name) => {
    for (const right of values[name]!.right) expect(checkOptions(call, { [name]: right })).toHaveProperty(name, right)
    for (const wrong of values[name]!.wrong) {
      await expectCode(() => checkOptions(call, { [name]: wrong }), 'ERR_OPTION_INVALID', call, `'${name}'`, 'found')
    }
    expect(checkOptions(call, { [name]: undefined })).toEqual(checkOptions(call, undefined))
  })

  test('unknown options list the known ones', async () => {
    await expectCode(() => checkOptions(call, { colour: 1 }), 'ERR_OPTION_UNKNOWN', call, `'colour'`, ...optionsOf(call))
    const others = Object.keys(optionRows).filter((name) => !(optionsOf(call) as string[]).includes(name))
    for (const other of others) await expectCode(() => checkOptions(call, { [other]: values[other]!.right[0] }), 'ERR_OPTION_UNKNOWN')
  })

  test.each([null, 'cls', 5, [], true])('options must be an object, not %j', async (given) => {
    await expectCode(() => checkOptions(call, given), 'ERR_OPTION_INVALID', 'must be an object')
  })
})

test('a near name is suggested', async () => {
  await expectCode(() => checkOptions('features', { imagesize: 224 }), 'ERR_OPTION_UNKNOWN', "did you mean 'imageSize'?")
  await expectCode(() => checkOptions('features', { pooling: 'cls' }), 'ERR_OPTION_UNKNOWN', "did you mean 'pool'?")
})

test('an option of other calls is said to be theirs', async () => {
  const theirs = "unknown option 'tokenMerging' (an option of features(), stream(), classify())"
  await expectCode(() => checkOptions('attention', { tokenMerging: 8 }), 'ERR_OPTION_UNKNOWN', theirs)
})

test('defaults are those of the table', () => {
  expect(checkOptions('features', {})).toEqual({ normalize: false, exif: true, maxPixels: 16383 ** 2, errors: 'throw' })
  expect(checkOptions('load', undefined)).toEqual({ device: 'auto', dtype: 'fp32', packedCache: true })
  expect(checkOptions('classify', undefined)).toMatchObject({ topK: 5 })
})

test('arrays are copied: changing them during a call changes nothing', () => {
  const pool = ['cls', 'mean']
  const checked = checkOptions('features', { pool })
  pool.pop()
  expect(checked.pool).toEqual(['cls', 'mean'])
})
