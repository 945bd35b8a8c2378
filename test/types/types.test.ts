// The compiler over api.ts and options.ts; and dist's declarations as a strict project of a user sees them, from ESM and CommonJS.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const root = join(__dirname, '..', '..')
const folder = mkdtempSync(join(__dirname, 'user-'))
afterAll(() => rmSync(folder, { recursive: true }))
// A compiler of a busy machine may take its time.
const patience = 300_000

function compile(name: string, config: object, files: Record<string, string> = {}): string {
  const path = join(folder, name)
  mkdirSync(join(path, 'node_modules'), { recursive: true })
  symlinkSync(root, join(path, 'node_modules', 'vitrine'))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  return spawnSync(process.execPath, [compiler, '-p', path, '--noEmit'], { encoding: 'utf8' }).stdout
}

test(
  'the public types',
  () => {
    const include = ['api.ts', 'options.ts'].map((name) => join(__dirname, name))
    const found = compile('own', {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { declaration: false, rootDir: root },
      include,
    })
    expect(found).toBe('')
  },
  patience,
)

const user = `import { load, type Model } from 'vitrine'
export async function run(): Promise<Float32Array> {
  const model: Model = await load({ threads: 1 })
  const features = await model.features(['a.jpg'], { pool: ['cls'] })
  // @ts-expect-error a planted mistake: were the types lost, this would be none
  await model.features('a.jpg', { pool: 'max' })
  await model.close()
  return features[0]!.data
}
`
test.each([
  ['node16', 'node16', 'es2022', ['esm.mts', 'cjs.cts']],
  ['esnext', 'bundler', 'esnext', ['bundled.ts']],
])(
  'declarations of dist, %s with %s resolution',
  (module, moduleResolution, target, files) => {
    const typeRoots = [join(root, 'node_modules', '@types')]
    const strict = { strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true }
    const compilerOptions = { module, moduleResolution, target, types: ['node'], typeRoots, ...strict }
    expect(compile(module, { compilerOptions, files }, Object.fromEntries(files.map((file) => [file, user])))).toBe('')
  },
  patience,
)
