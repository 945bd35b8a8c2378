// The site-packages folders of the Pythons that a user would mean, found without running any. Before it: library.ts; after it: host.ts.
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Host, isFile, names, onSystem, pathList, textOf } from './host'

export interface Site {
  folder: string
  whose: string
}

/** VIRTUAL_ENV, CONDA_PREFIX, python3 on PATH, and the user's own folder; those that exist, each once. */
export function pythonFolders(host: Host): Site[] {
  const sites: Site[] = []
  const add = (whose: string, folders: string[]) => {
    for (const folder of folders) if (!sites.some((site) => site.folder === folder)) sites.push({ folder, whose })
  }
  for (const name of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = host.env[name]
    if (prefix) add(name, sitesOf(host, prefix))
  }
  const python = interpreter(host)
  if (python) {
    // A link out of a virtual environment leads to the Python that made it; the environment is where the link is.
    add(`python3 on PATH, ${python}`, [...sitesOf(host, dirname(dirname(python))), ...sitesOf(host, dirname(dirname(real(python))))])
  }
  add('user', sitesOf(host, join(host.home, '.local')))
  if (host.platform === 'win32' && host.env.APPDATA) add('user', windowsUser(host.env.APPDATA))
  return sites
}

function real(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** site-packages and Debian's dist-packages under a prefix. */
function sitesOf(host: Host, prefix: string): string[] {
  if (host.platform === 'win32') return names(join(prefix, 'Lib')).includes('site-packages') ? [join(prefix, 'Lib', 'site-packages')] : []
  const found: string[] = []
  // Debian's own interpreter has the prefix /usr and reads what pip installs below /usr/local.
  const roots = prefix === onSystem(host, '/usr') ? [onSystem(host, '/usr/local'), prefix] : [prefix]
  for (const lib of roots.flatMap((root) => [join(root, 'lib'), join(root, 'lib64')])) {
    for (const version of names(lib).filter((name) => /^python3(\.\d+)?t?$/.test(name))) {
      for (const kind of names(join(lib, version)).filter((name) => /^(site|dist)-packages$/.test(name))) {
        found.push(join(lib, version, kind))
      }
    }
  }
  return found
}

const windowsUser = (appData: string) =>
  names(join(appData, 'Python'))
    .filter((name) => /^Python3\d+$/.test(name))
    .map((name) => join(appData, 'Python', name, 'site-packages'))

/** The first python3 of PATH; of pyenv's stand-in, the interpreter that it would choose. */
function interpreter(host: Host): string | undefined {
  const programs = host.platform === 'win32' ? ['python3.exe', 'python.exe'] : ['python3', 'python']
  for (const folder of pathList(host, host.platform === 'win32' && host.env.PATH === undefined ? 'Path' : 'PATH')) {
    const program = programs.map((name) => join(folder, name)).find(isFile)
    if (!program) continue
    if (basename(folder) !== 'shims') return host.platform === 'win32' ? join(dirname(program), 'Scripts', basename(program)) : program
    const root = host.env.PYENV_ROOT ?? dirname(folder)
    const versions = (host.env.PYENV_VERSION ?? localVersion(host.cwd) ?? textOf(join(root, 'version')) ?? '').split(/[\s:]+/)
    const chosen = versions.map((version) => join(root, 'versions', version, 'bin', 'python3')).find(isFile)
    if (chosen) return chosen
  }
  return undefined
}

/** .python-version of the folder or of one above it. */
function localVersion(folder: string): string | undefined {
  const found = textOf(join(folder, '.python-version'))
  return found ?? (dirname(folder) === folder ? undefined : localVersion(dirname(folder)))
}
