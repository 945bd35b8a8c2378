// From CommonJS: the same module, by require.
const { join } = require('node:path')
const { load } = require('vitrine')

async function main() {
  const model = await load()
  const features = await model.features(join(__dirname, 'photos', 'chelsea.jpg'))
  console.log(features.dims)
  await model.close()
}
main()
