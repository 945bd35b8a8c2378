// Any number of pictures in bounded memory, in order; a bad one is an error of its own and stops nothing.
import { readdir } from 'node:fs/promises'
import { load } from 'vitrine'

const folder = new URL('photos/', import.meta.url)
async function* pictures() {
  // SOURCES.md is no picture: it comes out as an error.
  for (const name of (await readdir(folder)).sort()) yield new URL(name, folder)
}

const model = await load()
for await (const { index, source, features, error } of model.stream(pictures(), { inFlight: 4 })) {
  const name = source.pathname.split('/').at(-1)
  console.log(index, name, error ? error.code : features.dims)
}
await model.close()
