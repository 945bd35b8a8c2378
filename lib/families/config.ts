// A checkpoint's config.json read field by field: an absent or null field has the family's default, a wrong one is an error that names it.
// Before it: a family's file; after it: nothing.
import { isObject, shown } from '../checkpoint/json'
import { VitrineError } from '../errors'
import type { Activation } from '../spec'
import type { Size } from './family'

/** Names of torch and transformers for one formula each (kernels/activation.h). */
const activations: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
  linear: 'none',
}

export class Config {
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    /** What messages call the file. */
    readonly file: string,
    private readonly path = '',
  ) {}

  has(field: string): boolean {
    return this.get(field) !== undefined
  }
  /** Positive integer. */
  integer(field: string, fallback: number): number {
    const value = this.get(field) ?? fallback
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1e9) return value
    throw this.invalid(field, 'a positive integer', value)
  }
  /** Integer ≥ 0. */
  count(field: string, fallback: number): number {
    return (this.get(field) ?? fallback) === 0 ? 0 : this.integer(field, fallback)
  }
  /** Finite number > 0. */
  number(field: string, fallback: number): number {
    const value = this.get(field) ?? fallback
    if (typeof value === 'number' && value > 0 && value < 1e9) return value
    throw this.invalid(field, 'a positive number', value)
  }
  flag(field: string, fallback: boolean): boolean {
    const value = this.get(field) ?? fallback
    if (typeof value === 'boolean') return value
    throw this.invalid(field, 'true or false', value)
  }
  /** n, [height, width] or { height, width } of positive integers. */
  size(field: string, fallback: number): Size {
    const value = this.get(field) ?? fallback
    const pair: unknown = isObject(value) ? [value.height, value.width] : typeof value === 'number' ? [value, value] : value
    const fits = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= 1e6
    if (Array.isArray(pair) && pair.length === 2 && fits(pair[0]) && fits(pair[1])) return { height: pair[0], width: pair[1] }
    throw this.invalid(field, 'a positive integer or [height, width]', value)
  }
  activation(field: string, fallback: string): Activation {
    const value = this.get(field) ?? fallback
    const found = typeof value === 'string' && Object.hasOwn(activations, value) ? activations[value] : undefined
    if (found) return found
    throw new VitrineError(
      'ERR_CHECKPOINT_UNSUPPORTED',
      `${this.file}: ${this.path}${field} ${shown(value)} is no activation that vitrine computes; known are ${Object.keys(activations).join(', ')}`,
    )
  }
  /** Names of the classes from `id2label`, by index; undefined where the config has none. */
  labels(): string[] | undefined {
    const value = this.get('id2label')
    if (value === undefined) return undefined
    const names = isObject(value) ? Object.keys(value).map((_, i) => value[String(i)]) : []
    const fine = (name: unknown) => typeof name === 'string' || typeof name === 'number'
    if (isObject(value) && names.every(fine)) return names.map(String)
    throw this.invalid('id2label', 'an object of names under "0", "1", …', value)
  }
  /** The object in a field, read with the same care; an absent one is empty. */
  nested(field: string): Config {
    const value = this.get(field) ?? {}
    if (!isObject(value)) throw this.invalid(field, 'an object', value)
    return new Config(value, this.file, `${this.path}${field}.`)
  }

  /** ERR_CONFIG_MISMATCH: what the field asks of the weights, and what they hold. */
  mismatch(field: string, expected: string, found: string): VitrineError {
    const says = this.has(field) ? `${this.path}${field} is ${shown(this.get(field))}` : `${this.path}${field} is absent`
    return new VitrineError('ERR_CONFIG_MISMATCH', `${this.file} contradicts the weights: ${says}: expected ${expected}, found ${found}`)
  }
  private invalid(field: string, expected: string, found: unknown): VitrineError {
    return new VitrineError('ERR_CHECKPOINT_INVALID', `${this.file}: ${this.path}${field} must be ${expected}, found ${shown(found)}`)
  }
  private get(field: string): unknown {
    return (Object.hasOwn(this.values, field) ? this.values[field] : undefined) ?? undefined
  }
}
