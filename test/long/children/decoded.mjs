// Streams pictures through the default model; prints the most pictures that the addon ever held.
import { createRequire } from 'node:module'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const { load } = require('../../../dist/index.js')
const { native } = require('../../../dist/native.js')
const [folder, inFlight] = [process.argv[2], Number(process.argv[3])]
const model = await load()
native().counters({ reset: true })
let seen = 0
for await (const item of model.stream(readdirSync(folder).sort().map((name) => join(folder, name)), { inFlight })) {
  if (item.error) throw item.error
  seen++
}
process.stdout.write(JSON.stringify({ seen, peak: native().counters().picturesPeak }))
