// How many threads the pool has by default: the control groups' quota, from trees of files as Linux writes them, and the affinity mask.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { addon } from '../support/child'
import { root, temporaryFolder } from '../support/fixtures'

const path = process.env.VITRINE_TEST_KERNELS ?? join(root, 'build', 'Release', 'vitrine_test_kernels.node')
const { cgroupCpus } = createRequire(__filename)(path) as { cgroupCpus(root: string): number }

const trees: Record<string, { cpus: number; files: Record<string, string> }> = {
  'no control groups': { cpus: 0, files: {} },
  'v2, no limit': { cpus: 0, files: { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' } },
  'v2 in a container': { cpus: 1.5, files: { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n' } },
  'v2, the smallest on the way to the root': {
    cpus: 2,
    files: {
      'proc/self/cgroup': '0::/a/b/c\n',
      'sys/fs/cgroup/a/cpu.max': '200000 100000\n',
      'sys/fs/cgroup/a/b/cpu.max': '800000 100000\n',
      'sys/fs/cgroup/a/b/c/cpu.max': 'max 100000\n',
    },
  },
  'v2, a path that the container does not see': {
    cpus: 4,
    files: { 'proc/self/cgroup': '0::/../../host/path\n', 'sys/fs/cgroup/cpu.max': '400000 100000\n' },
  },
  v1: {
    cpus: 0.5,
    files: {
      'proc/self/cgroup': '12:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n',
      'sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us': '50000\n',
      'sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us': '100000\n',
    },
  },
  'v1, no limit': {
    cpus: 0,
    files: {
      'proc/self/cgroup': '4:cpuacct,cpu:/\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
  },
  nonsense: { cpus: 0, files: { 'proc/self/cgroup': ':\n0::\nx\n', 'sys/fs/cgroup/cpu.max': 'ten 0\n' } },
}

for (const [name, { cpus, files }] of Object.entries(trees)) {
  test(name, () => {
    const folder = temporaryFolder()
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), content)
    }
    expect(cgroupCpus(folder)).toBe(cpus)
  })
}

const taskset = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0
test.runIf(taskset)('the affinity mask', () => {
  const script = `process.stdout.write(String(require(${JSON.stringify(addon)}).runtime().threads))`
  const done = spawnSync('taskset', ['-c', '0', process.execPath, '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, VITRINE_THREADS: '' },
  })
  expect(done.stdout, done.stderr).toBe('1')
})
