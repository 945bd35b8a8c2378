// Where the time goes, without touching the code that calls vitrine: the tracing channel `vitrine:features`.
import { tracingChannel } from 'node:diagnostics_channel'
import { load } from 'vitrine'

tracingChannel('vitrine:features').subscribe({
  asyncEnd({ call, images, decodeMs, queueMs, forwardMs }) {
    const ms = (value) => `${value.toFixed(1)} ms`
    console.log(`${call} of ${images}: decode ${ms(decodeMs)}, queue ${ms(queueMs)}, forward ${ms(forwardMs)}`)
  },
})
const model = await load()
await model.features(['chelsea.jpg', 'coffee.jpg', 'rocket.jpg'].map((name) => new URL(`photos/${name}`, import.meta.url)))
await model.close()
