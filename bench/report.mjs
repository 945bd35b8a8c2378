// Results → tables. Before it: measure.mjs.

const number = (value, digits = 1) => (value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits))
const mb = (bytes) => String(Math.round(bytes / 1e6))

/** [header, ...rows] of strings; the first column left, the others right. */
function table(rows, markdown) {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)))
  const line = (row) => {
    const cells = row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
    return markdown ? `| ${cells.join(' | ')} |` : cells.join('  ').trimEnd()
  }
  const rule = widths.map((width, c) => (c === 0 || !markdown ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)].join('\n')
}

function timings({ models, peers, peak }, markdown) {
  const header = ['model, input, batch', ...peers.map((peer) => `${peer} ms`)]
  const [ours, ...others] = peers
  header.push(...others.map((peer) => `${peer} / ${ours}`), ...peers.map((peer) => `share ${peer}`))
  const rows = models.flatMap(({ name, flops, cells }) => {
    const keys = [...new Set(cells.map(({ input, batch }) => `${input}, ${batch}`))]
    return keys.map((key) => {
      const best = (peer) => cells.find((cell) => cell.peer === peer && `${cell.input}, ${cell.batch}` === key)?.best
      const share = (peer) => (peak.gflops && key.startsWith('pixels') ? flops / (best(peer) * 1e6) / peak.gflops : undefined)
      return [
        `${name}, ${key}`,
        ...peers.map((peer) => number(best(peer))),
        ...others.map((peer) => number(best(peer) / best(ours), 2)),
        ...peers.map((peer) => number(share(peer), 2)),
      ]
    })
  })
  return table([header, ...rows], markdown)
}

function behaviour({ models }, markdown) {
  const header = ['model, peer', 'load ms', 'first call ms', 'resident MB', 'peak MB', 'loop idle p99 / max ms', 'under load p99 / max ms']
  const pair = ({ p99, longest }) => `${number(p99)} / ${number(longest)}`
  const rows = models.flatMap(({ name, behaviour }) =>
    behaviour.map(({ peer, loadMs, firstMs, rss, peakRss, delay }) => [
      `${name}, ${peer}`,
      number(loadMs, 0),
      number(firstMs, 0),
      mb(rss),
      mb(peakRss),
      pair(delay.idle),
      pair(delay.load),
    ]),
  )
  return table([header, ...rows], markdown)
}

export function report(results, format) {
  if (format === 'json') return JSON.stringify(results, null, 2)
  const markdown = format === 'markdown'
  const { environment: machine, options, versions, isa, peak, models, others } = results
  const bullet = markdown ? '- ' : ''
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}, ${machine.date}`,
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}; instruction set ${isa ?? 'unknown'}${machine.isaForced ? ' (forced by VITRINE_ISA)' : ''}`,
    `${options.threads} threads, minima over ${options.rounds} rounds; milliseconds per image; share = nominal FLOPs / time / peak`,
    `arithmetic peak: ${peak.gflops ? `${peak.gflops.toFixed(0)} GFLOP/s in fp32, ${options.threads} threads` : peak.missing}`,
    `load average ${machine.load.map((load) => load.toFixed(2)).join(' ')} at the start, ${results.loadAtEnd.map((load) => load.toFixed(2)).join(' ')} at the end; other processes used ${(100 * others).toFixed(1)} % of the CPUs`,
    ...models.flatMap(({ name, agreement }) =>
      agreement.map(({ peers, distance }) => `${name}: ${peers.join(' and ')} agree on pixel values at ${distance.toExponential(1)}`),
    ),
    ...models
      .filter(({ jpegCosine }) => jpegCosine)
      .map(({ name, jpegCosine: { min, mean, peers } }) => {
        return `${name}: cosine of ${peers.join(' and ')} from the same JPEG bytes: min ${min.toFixed(4)}, mean ${mean.toFixed(4)}`
      }),
  ]
  const warning = others > 0.03 ? ['', `${bullet}The machine was not quiet: compare ratios with care, and shares not at all.`] : []
  return [...lines.map((line) => bullet + line), ...warning, '', timings(results, markdown), '', behaviour(results, markdown)].join('\n')
}
