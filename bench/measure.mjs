// Timings of one model: every cell is measured in turns, peer after peer, over and over, so that a noisy minute falls on all of them.
// Before it: agree.mjs; after it: report.mjs.
import { setTimeout as sleep } from 'node:timers/promises'

// A peer's threads may spin for a while after its last call.
const settleMs = 50

/** → [{ input, batch, peer, best, median, calls }], milliseconds per image. Each round visits every cell; `yardstick` takes one turn a round. */
export async function timeCells(peers, peak, yardstick, quiet, { inputs, batches, rounds, calls, ms }, progress) {
  const cells = inputs.flatMap((input) =>
    batches.map((batch) => ({
      input,
      batch,
      measured: peers.filter((peer) => peer.inputs.includes(input)).map((peer) => ({ peer, times: [] })),
    })),
  )
  for (let round = 0; round < rounds; round++) {
    for (const { input, batch, measured } of cells) {
      progress(`round ${round + 1} of ${rounds}: ${input}, batch ${batch}`)
      await quiet()
      await peak.measure?.()
      for (const { peer, times } of measured) {
        times.push(...(await peer.ask('time', { input, batch, calls, ms })).times)
        await sleep(settleMs)
      }
    }
    progress(`round ${round + 1} of ${rounds}: ${yardstick?.name ?? ''}`)
    await yardstick?.measure(peak.gops ?? {})
  }
  return cells.flatMap(({ input, batch, measured }) =>
    measured.map(({ peer, times }) => {
      times.sort((a, b) => a - b)
      return { input, batch, peer: peer.name, best: times[0], median: times[times.length >> 1], calls: times.length }
    }),
  )
}

/** Event loop (of those that have one) and memory of each peer, one at a time. */
export async function observe(peers, { inputs, batches }, progress) {
  const rows = []
  for (const peer of peers) {
    const input = inputs.find((name) => peer.inputs.includes(name))
    if (!input) continue
    progress(`event loop of ${peer.name}`)
    const delay = await peer.ask('delay', { input, batch: Math.max(...batches), ms: 3000 })
    await sleep(settleMs)
    rows.push({ peer: peer.name, loadMs: peer.loadMs, firstMs: peer.firstMs, rss: peer.rss, ...(await peer.ask('usage')), delay })
  }
  return rows
}
