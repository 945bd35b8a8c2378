// Giving up: an AbortSignal ends queued work at once and running work within one block; timeoutMs does it by the clock.
import { load } from 'vitrine'

const model = await load()
const images = Array.from({ length: 64 }, () => new URL('photos/hubble_deep_field.jpg', import.meta.url))

const controller = new AbortController()
const running = model.features(images, { signal: controller.signal })
setTimeout(() => controller.abort(new Error('the visitor went away')), 50)
await running.catch((error) => console.log(error.message))

await model.features(images, { timeoutMs: 50 }).catch((error) => console.log(error.code))
await model.close()
