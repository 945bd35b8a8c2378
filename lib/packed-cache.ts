// Where packed weights are kept from one process to the next. Before it: device.ts; after it: weights.ts, which hands the folder to
// native/engine/packed_cache.cc.
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

/** Bytes of all entries together; those not used for longest go first. */
export const PACKED_CACHE_LIMIT = 4 * 2 ** 30

export interface PackedCacheFolder {
  folder: string
  limitBytes: number
}

/**
 * The cache's folder; undefined where there is none: the option is false, VITRINE_PACKED_CACHE is 'off', or the user has no home.
 * VITRINE_PACKED_CACHE names another folder, else it lies in the operating system's folder for caches.
 */
export function packedCacheFolder(
  wanted: boolean,
  { env, platform, home }: { env: NodeJS.ProcessEnv; platform: NodeJS.Platform; home: string } = {
    env: process.env,
    platform: process.platform,
    home: homedir(),
  },
): PackedCacheFolder | undefined {
  const named = env.VITRINE_PACKED_CACHE
  if (!wanted || named === 'off') return undefined
  const folder = named ? resolve(named) : join(systemCaches(env, platform, home), 'vitrine', 'packed')
  return isAbsolute(folder) ? { folder, limitBytes: PACKED_CACHE_LIMIT } : undefined
}

function systemCaches(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string): string {
  if (platform === 'win32') return env.LOCALAPPDATA || join(home, 'AppData', 'Local')
  if (platform === 'darwin') return join(home, 'Library', 'Caches')
  // A relative one counts as unset, says its specification.
  return env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(home, '.cache')
}
