// Which binary to open, and advice when there is none. Before it: nothing; after it: native.ts.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import { familySync, MUSL } from 'detect-libc'
import { VitrineError } from './errors'

/** `linux-x64`, `linux-x64-musl`, `darwin-arm64`, … : the last part of the platform package's name. */
export function platformKey(): string {
  const musl = process.platform === 'linux' && familySync() === MUSL ? '-musl' : ''
  return `${process.platform}-${process.arch}${musl}`
}

/** Inside an Electron archive the binary lies unpacked beside it. */
function unpacked(path: string): string {
  return path.replace(`app.asar${sep}`, `app.asar.unpacked${sep}`)
}

function candidates(): string[] {
  const root = join(__dirname, existsSync(join(__dirname, 'package.json')) ? '.' : '..')
  const list = [join(root, 'build', 'Release', 'vitrine.node'), join(root, '..', 'build', 'Release', 'vitrine.node')]
  if (process.env.VITRINE_ADDON) list.unshift(process.env.VITRINE_ADDON)
  return list.map(unpacked)
}

/** Opens the locally compiled addon where there is one, else the platform package's. */
export function openAddon(): unknown {
  const require = createRequire(__filename)
  for (const path of candidates()) if (existsSync(path)) return require(path)
  const name = `@vitrine/${platformKey()}`
  try {
    return require(name)
  } catch (cause) {
    throw new VitrineError(
      'ERR_PLATFORM',
      `no vitrine binary for ${platformKey()} (Node ${process.version}): the package ${name} could not be opened (${(cause as Error).message.split('\n')[0]}). ` +
        `Install it with "npm install ${name}", and with "--include=optional" if optional dependencies were left out, or build from source with "npm run build:native".`,
      { cause },
    )
  }
}
