// Spoiled weight files and configs, from seeds: loading one gives a model or a VitrineError, and nothing else ever.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { load, VitrineError } from '../../lib/index'
import { checkpoint, vitConfig, vitTensors } from '../support/checkpoints'
import { encode } from '../support/safetensors'
import { Random } from '../support/seed'

type Mutation = (bytes: Buffer, random: Random) => Buffer
const headerLength = (bytes: Buffer) => 8 + Number(bytes.readBigUInt64LE(0))

const mutations: Record<string, Mutation> = {
  'bits flipped in the header': (bytes, random) => {
    for (let n = 1 + random.int(0, 4); n > 0; n--) bytes[random.int(0, headerLength(whole))]! ^= 1 << random.int(0, 8)
    return bytes
  },
  'a digit changed': (bytes, random) => {
    const digits = [...bytes.subarray(8, headerLength(whole)).keys()]
      .map((i) => i + 8)
      .filter((i) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39)
    bytes[digits[random.int(0, digits.length)]!] = 0x30 + random.int(0, 10)
    return bytes
  },
  truncation: (bytes, random) => bytes.subarray(0, random.int(0, bytes.length)),
  'another length in front': (bytes, random) => {
    const length =
      random.next() < 0.5 ? BigInt(random.int(0, bytes.length * 2)) : BigInt(random.int(0, 2 ** 32)) << BigInt(random.int(0, 33))
    bytes.writeBigUInt64LE(length, 0)
    return bytes
  },
  'bytes put in': (bytes, random) => {
    const place = random.int(0, headerLength(whole))
    return Buffer.concat([bytes.subarray(0, place), Buffer.from('{}[]",:0e-\\'.charAt(random.int(0, 11))), bytes.subarray(place)])
  },
  'a part of the header twice': (bytes, random) => {
    const begin = 8 + random.int(0, headerLength(whole) - 8)
    const end = Math.min(headerLength(whole), begin + random.int(0, 80))
    const header = Buffer.concat([bytes.subarray(8, end), bytes.subarray(begin, headerLength(whole))])
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    return Buffer.concat([length, header, bytes.subarray(headerLength(whole))])
  },
}

const whole = encode(vitTensors())
const rounds = 150

async function outcome(folder: string, seed: string): Promise<string> {
  try {
    await (await load(folder)).close()
    return 'loaded'
  } catch (error) {
    expect(error, `${seed}: ${error}`).toBeInstanceOf(VitrineError)
    expect((error as VitrineError).message.length, seed).toBeLessThan(4000)
    return (error as VitrineError).code
  }
}

test.each(Object.entries(mutations))('weights: %s', async (name, mutate) => {
  const folder = checkpoint(vitTensors(), vitConfig())
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= rounds; seed++) {
    writeFileSync(join(folder, 'model.safetensors'), mutate(Buffer.from(whole), new Random(seed)))
    const code = await outcome(folder, `${name}, seed ${seed}`)
    seen.set(code, (seen.get(code) ?? 0) + 1)
  }
  const refused = rounds - (seen.get('loaded') ?? 0)
  expect(refused, JSON.stringify([...seen])).toBeGreaterThan(rounds / 2)
})

test('config: every field replaced by every kind of value', async () => {
  const values = [null, true, 0, -1, 1.5, 1e308, 'x', '', [], [1, 2], {}, { a: 1 }, '__proto__', 2 ** 53]
  const folder = checkpoint(vitTensors(), vitConfig())
  const fields = [...Object.keys(vitConfig()), 'hidden_act', 'layer_norm_eps', 'qkv_bias', 'id2label', 'num_channels', 'pooler_act']
  for (const field of fields) {
    for (const value of values) {
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...vitConfig(), [field]: value }))
      await outcome(folder, `${field} ${JSON.stringify(value)}`)
    }
  }
})
