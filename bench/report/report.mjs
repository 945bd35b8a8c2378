// Results → what is printed: the conditions, one table of times for each model and number of threads, one of memory and event loop, and
// the summary. Before it: ../measure.mjs; after it: summary.mjs, plot.mjs.
import { summary } from './summary.mjs'
import { number, table } from './table.mjs'

const mb = (bytes) => String(Math.round(bytes / 1e6))

const threadsText = (threads) => `${threads} thread${threads > 1 ? 's' : ''}`

/** Rows are peers and the yardstick's precisions, columns are inputs and batches, with the share of each precision's own peak. */
function timings({ name, threads, flops, cells }, { peers, peaks }, markdown) {
  const { gops, yardstick } = peaks.find((peak) => peak.threads === threads)
  const columns = [...new Map(cells.map(({ input, batch }) => [`${input}, ${batch}`, { input, batch }])).values()]
  const shown = (ms, peak, input) => {
    const share = flops / (ms * 1e6) / gops?.[peak]
    return input === 'pixels' && Number.isFinite(share) ? `${number(ms)} (${number(share, 2)})` : number(ms)
  }
  const header = [`${name}, ${threadsText(threads)}`, 'precision', ...columns.map(({ input, batch }) => `${input}, batch ${batch}`)]
  const rows = peers.map((peer) => [
    peer.name,
    peer.precision,
    ...columns.map(({ input, batch }) => {
      const cell = cells.find((one) => one.peer === peer.name && one.input === input && one.batch === batch)
      return shown(cell?.best, peer.peak, input)
    }),
  ])
  for (const precision of ['fp32', 'bf16', 'int8']) {
    const own = yardstick?.cells.filter((cell) => cell.model === name && cell.precision === precision) ?? []
    if (own.length === 0) continue
    const ms = (input, batch) => (input === 'pixels' ? own.find((cell) => cell.batch === batch)?.best : undefined)
    rows.push([yardstick.name, precision, ...columns.map(({ input, batch }) => shown(ms(input, batch), precision, input))])
  }
  return table([header, ...rows], markdown)
}

function behaviour({ models }, markdown) {
  const header = [
    'model, threads, peer',
    'load ms',
    'first call ms',
    'resident MB',
    'peak MB',
    'loop idle p99 / max ms',
    'under load p99 / max ms',
  ]
  const pair = (loop) => (loop ? `${number(loop.p99)} / ${number(loop.longest)}` : '–')
  const rows = models.flatMap(({ name, threads, behaviour }) =>
    behaviour.map(({ peer, loadMs, firstMs, rss, peakRss, delay }) => [
      `${name}, ${threads}, ${peer}`,
      number(loadMs, 0),
      number(firstMs, 0),
      mb(rss),
      mb(peakRss),
      pair(delay?.idle),
      pair(delay?.load),
    ]),
  )
  return table([header, ...rows], markdown)
}

/** `fp32 234 (AVX-512)`, and which precisions this CPU has no instruction for. */
function peakText({ threads, gops, by, missing }) {
  if (missing) return `no arithmetic peak: ${missing}`
  const found = Object.entries(gops).map(([precision, rate]) => `${precision} ${rate.toFixed(0)} (${by[precision]})`)
  const without = ['bf16', 'int8'].filter((precision) => !gops[precision])
  const lacks = without.length > 0 ? `; this CPU has no instruction for dots of ${without.join(' and ')}, so no peak and no share` : ''
  return `arithmetic peak of ${threadsText(threads)}, GOP/s: ${found.join(', ')}${lacks}`
}

function conditions(results) {
  const { environment: machine, options, versions, isa, peers, peaks, models, others, left } = results
  const loads = (list) => list.map((load) => load.toFixed(2)).join(' ')
  return [
    `${machine.cpu}${machine.microarchitecture ? ` (${machine.microarchitecture})` : ''}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}, ${machine.date}`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}; instruction set ${isa ?? 'unknown'}${machine.isaForced ? ' (forced by VITRINE_ISA)' : ''}`,
    `minima over ${options.rounds} rounds; milliseconds per image (share of the peak of the same precision: nominal operations / time / peak)`,
    ...peaks.map(peakText),
    `load average ${loads(machine.load)} at the start, ${loads(results.loadAtEnd)} at the end; other processes used ${(100 * others).toFixed(1)} % of the CPUs`,
    ...peers.filter(({ note }) => note).map(({ name, note }) => `${name}: ${note}`),
    ...left.map(({ name, why }) => `not measured: ${name} (${why})`),
    ...models.map(({ name, threads, agreement }) => {
      const pairs = agreement.map(({ peers, distance }) => `${peers[1]} ${distance.toExponential(1)}`)
      return `${name}, ${threadsText(threads)}: distance of vectors of the same pixel values to ${agreement[0]?.peers[0] ?? ''}'s: ${pairs.join(', ')}`
    }),
    ...models
      .filter(({ jpegCosine }) => jpegCosine)
      .map(({ name, jpegCosine: { min, mean, peers } }) => {
        return `${name}: cosine of ${peers.join(' and ')} from the same JPEG bytes: min ${min.toFixed(4)}, mean ${mean.toFixed(4)}`
      }),
  ]
}

export function report(results, format) {
  if (format === 'json') return JSON.stringify(results, null, 2)
  const markdown = format === 'markdown'
  const bullet = markdown ? '- ' : ''
  const warning = results.others > 0.03 ? ['', `${bullet}The machine was not quiet: compare ratios with care, and shares not at all.`] : []
  return [
    ...conditions(results).map((line) => bullet + line),
    ...warning,
    ...results.models.flatMap((model) => ['', timings(model, results, markdown)]),
    '',
    behaviour(results, markdown),
    '',
    summary(results, markdown),
  ].join('\n')
}
