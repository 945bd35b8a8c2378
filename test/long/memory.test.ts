// The CLI over 2,000 pictures of 12 megapixels takes at most 1.25 times the memory that it takes over 200.
import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { photos, root, runChild, temporaryFolder } from './support'

async function folders() {
  const folder = temporaryFolder()
  const sources: string[] = []
  for (const name of ['coffee.jpg', 'rocket.jpg', 'chelsea.jpg']) {
    const large = await sharp(join(photos, name)).resize(4000, 3000, { fit: 'fill' }).jpeg({ quality: 85 }).toBuffer()
    const source = join(folder.path, name)
    writeFileSync(source, large)
    sources.push(source)
  }
  const links = (count: number) => {
    const path = join(folder.path, String(count))
    mkdirSync(path)
    for (let i = 0; i < count; i++) symlinkSync(sources[i % sources.length]!, join(path, `${String(i).padStart(5, '0')}.jpg`))
    return path
  }
  return { few: links(200), many: links(2000), remove: folder.remove }
}

/** Peak resident memory of the CLI over a folder, in kilobytes. */
function peak(folder: string): number {
  const script = `import { readFileSync } from 'node:fs'; process.on('exit', () => process.stderr.write('\\npeak ' + /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]))`
  const preload = `data:text/javascript,${encodeURIComponent(script)}`
  const done = spawnSync(process.execPath, ['--import', preload, join(root, 'dist', 'cli', 'main.js'), 'features', folder], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  expect(done.status, done.stderr).toBe(0)
  return Number(/peak (\d+)/.exec(done.stderr)?.[1])
}

test.runIf(process.platform === 'linux')('peak memory over 200 and 2,000 pictures', async () => {
  const { few, many, remove } = await folders()
  const peaks = { few: Number.POSITIVE_INFINITY, many: Number.POSITIVE_INFINITY }
  for (let i = 0; i < 3; i++) {
    peaks.few = Math.min(peaks.few, peak(few))
    peaks.many = Math.min(peaks.many, peak(many))
  }
  console.log('peak resident kilobytes', peaks, 'ratio', peaks.many / peaks.few)
  expect(peaks.many / peaks.few).toBeLessThanOrEqual(1.25)

  const done = runChild('decoded.mjs', [few, '8'])
  expect(done.error).toBe('')
  const { seen, peak: held } = JSON.parse(done.out) as { seen: number; peak: number }
  console.log('pictures held by the addon at most', held, 'of', seen)
  expect(seen).toBe(200)
  expect(held).toBeGreaterThan(0)
  expect(held).toBeLessThanOrEqual(8)
  remove()
})
