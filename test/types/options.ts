// The option table and the option interfaces name the same options for every call.
import type { CallName, CallOptions, options } from '../../lib/options'

type Table = typeof options
/** Names of the table's rows that apply to a call. */
type Named<C extends CallName> = { [K in keyof Table]: C extends Table[K]['calls'][number] ? K : never }[keyof Table]
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never

export const load: Same<Named<'load'>, keyof CallOptions['load']> = true
export const features: Same<Named<'features'>, keyof CallOptions['features']> = true
export const stream: Same<Named<'stream'>, keyof CallOptions['stream']> = true
export const classify: Same<Named<'classify'>, keyof CallOptions['classify']> = true
export const attention: Same<Named<'attention'>, keyof CallOptions['attention']> = true
export const preprocess: Same<Named<'preprocess'>, keyof CallOptions['preprocess']> = true
export const exported: Same<Named<'export'>, keyof CallOptions['export']> = true
