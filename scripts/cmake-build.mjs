// What binding.gyp runs: CMake in its own folder, then the addon where node-gyp's users look for it (build/Release). VITRINE_CMAKE holds
// further arguments for CMake.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

const root = process.cwd()
const extra = (process.env.VITRINE_CMAKE ?? '').split(' ').filter(Boolean)
const run = (args) => {
  const child = spawnSync('cmake', args, { stdio: 'inherit', cwd: root })
  if (child.status !== 0) process.exit(child.status || 1)
}
run(['-S', '.', '-B', 'build/cmake', '-DCMAKE_BUILD_TYPE=Release', ...extra])
run(['--build', 'build/cmake', '--config', 'Release', '--target', 'vitrine', '-j2'])
mkdirSync(join(root, 'build', 'Release'), { recursive: true })
copyFileSync(join(root, 'build', 'cmake', 'vitrine.node'), join(root, 'build', 'Release', 'vitrine.node'))
