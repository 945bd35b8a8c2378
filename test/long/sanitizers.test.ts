// The whole suite with the addon under AddressSanitizer and UndefinedBehaviorSanitizer, and one planted overflow that shows they bite.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { root } from './support'

const build = join(root, 'build-sanitize')
const env = () => ({
  ...process.env,
  LD_PRELOAD: ['libasan.so', 'libubsan.so']
    .map((name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim())
    .join(':'),
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  VITRINE_ADDON: join(build, 'vitrine.node'),
  VITRINE_TEST_KERNELS: join(build, 'vitrine_test_kernels.node'),
  VITRINE_SANITIZED: '1',
})

beforeAll(() => {
  const configure = ['-S', root, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DVITRINE_SANITIZE=address,undefined']
  execFileSync('cmake', configure, { stdio: 'inherit' })
  execFileSync('cmake', ['--build', build, '-j2'], { stdio: 'inherit' })
  expect(existsSync(join(build, 'vitrine.node'))).toBe(true)
})

test('a planted overflow is caught', () => {
  const script = `require(process.env.VITRINE_TEST_KERNELS).plantOverflow()`
  const done = spawnSync(process.execPath, ['-e', script], { env: env(), encoding: 'utf8' })
  expect(done.status).toBe(99)
  expect(done.stderr).toContain('heap-buffer-overflow')
})

test('the suite passes', () => {
  const done = spawnSync(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--root', root], {
    env: env(),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  console.log(done.stdout.slice(-3000))
  expect(done.stderr).not.toMatch(/ERROR: AddressSanitizer|runtime error:/)
  expect(done.status, done.stderr.slice(-5000)).toBe(0)
})
