// Results → one row for each model, precision and batch of vitrine: its share of the peak, its lead on the peers of that precision, on
// transformers.js from JPEG and on the yardstick, each beside its target where this CPU has one. Before it: report.mjs; after it: table.mjs.
import { isOurs } from '../peers/list.mjs'
import { number, table } from './table.mjs'
import { avx2Share, targets, yardstickTargets } from './targets.mjs'

/** The targets of one row; none with other numbers of threads or batches than they are for. */
function targetsOf({ environment }, { name: model, threads }, ours, batch) {
  const at = [1, 8].indexOf(batch)
  if (threads !== 2 || at < 0) return {}
  if (ours.peak === 'fp32-avx2') return { share: ['vit-b16', 'vit-s16'].includes(model) ? avx2Share : undefined }
  const set = targets[environment.microarchitecture]?.[ours.precision]
  const jpeg = set?.jpeg[model]
  return {
    share: set?.share[model]?.[at],
    peer: (name) => (set?.share[model] ? (set.peers?.[name] ?? set.peer)[at] : undefined),
    jpeg: jpeg && jpeg * (at === 0 ? 1 : 0.9),
    yardstick: yardstickTargets[ours.precision],
  }
}

/** The peer nearest to beating us, or to its target. */
function hardest(ours, rivals, best, target) {
  const all = rivals
    .map(({ name }) => ({ name, value: best(name) / ours, target: target?.(name) }))
    .filter(({ value }) => Number.isFinite(value))
  return all.sort((a, b) => a.value / (a.target ?? 1) - b.value / (b.target ?? 1))[0]
}

/** → [{ model, threads, batch, peer, precision, ms, share, rival, jpeg, yardstick }]; the last four are { value, target?, name? } or undefined. */
export function summarise(results) {
  const { models, peers, peaks } = results
  return models.flatMap((model) => {
    const { name, threads, flops, cells } = model
    const { gops, yardstick } = peaks.find((peak) => peak.threads === threads)
    const batches = [...new Set(cells.map(({ batch }) => batch))]
    return peers.filter(isOurs).flatMap((ours) =>
      batches.map((batch) => {
        const best = (input, peer) => cells.find((cell) => cell.input === input && cell.batch === batch && cell.peer === peer)?.best
        const ms = best('pixels', ours.name)
        const target = targetsOf(results, model, ours, batch)
        const rivals = peers.filter((peer) => !isOurs(peer) && peer.precision === ours.precision)
        const ruler = yardstick?.cells.find((cell) => cell.model === name && cell.precision === ours.precision && cell.batch === batch)
        const ratio = (value, wanted) => (Number.isFinite(value) ? { value, target: wanted } : undefined)
        return {
          model: name,
          threads,
          batch,
          peer: ours.name,
          precision: ours.precision,
          ms,
          share: ratio(flops / (ms * 1e6) / gops?.[ours.peak], target.share),
          rival: hardest(ms, rivals, (peer) => best('pixels', peer), target.peer),
          jpeg: ratio(best('jpeg', 'transformers.js') / best('jpeg', ours.name), target.jpeg),
          yardstick: ratio(ruler?.best / ms, target.yardstick),
        }
      }),
    )
  })
}

/** `0.97 ≥ 0.95`, `0.93 < 0.95 ✗`, or the value alone where there is no target. */
function judged(entry) {
  if (!entry) return '–'
  const { value, target } = entry
  if (target === undefined) return number(value, 2)
  return value >= target ? `${number(value, 2)} ≥ ${target.toFixed(2)}` : `${number(value, 2)} < ${target.toFixed(2)} ✗`
}

export function summary(results, markdown) {
  const ruler = results.peaks.find(({ yardstick }) => yardstick)?.yardstick.name
  const header = [
    'model, precision, batch',
    'ms',
    'share of peak',
    '× peer',
    'which',
    '× transformers.js, JPEG',
    ...(ruler ? [`× ${ruler}`] : []),
  ]
  const severalThreads = new Set(results.models.map(({ threads }) => threads)).size > 1
  const rows = summarise(results).map((row) => [
    `${row.model}, ${row.peer.replace('vitrine-', '').replace('vitrine', 'fp32')}, ${row.batch}${severalThreads ? `, ${row.threads} thr.` : ''}`,
    number(row.ms),
    judged(row.share),
    judged(row.rival),
    row.rival?.name ?? '–',
    judged(row.jpeg),
    ...(ruler ? [judged(row.yardstick)] : []),
  ])
  return rows.length > 0 ? table([header, ...rows], markdown) : ''
}
