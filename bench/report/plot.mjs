// Results → an SVG: for each precision and model, a bar of milliseconds per image for every peer, from pixel values, and a line where the
// arithmetic peak would end. One file for light and dark pages: no background, and colours that are readable on both.
// Before it: ../run.mjs.
import { isOurs } from '../peers/list.mjs'
import { number } from './table.mjs'

const colours = { text: '#768390', faint: '#8b949e', ours: '#2f81f7', peer: '#8b949e', limit: '#e5534b' }
const titles = { 'vit-ti16': 'ViT-Ti/16', 'vit-s16': 'ViT-S/16', 'vit-b16': 'ViT-B/16', 'vit-l16': 'ViT-L/16' }
const [panelWidth, labelWidth, valueWidth, barHeight, barGap, peerGap, headHeight, margin] = [430, 150, 52, 11, 2, 8, 40, 14]

const xml = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
const text = (x, y, content, more = '') => `<text x="${number(x)}" y="${number(y)}" ${more}>${xml(content)}</text>`

/** The peers of one precision with their times by batch, the fastest at the first batch on top. */
function rowsOf(precision, { name, threads, cells }, { peers, peaks }, batches) {
  const { yardstick } = peaks.find((peak) => peak.threads === threads)
  const time = (peer, batch) => cells.find((cell) => cell.input === 'pixels' && cell.peer === peer && cell.batch === batch)?.best
  const rows = peers
    .filter((peer) => peer.precision === precision)
    .map((peer) => ({
      name: peer.name.replace(`-${precision}`, ''),
      ours: isOurs(peer),
      times: batches.map((batch) => time(peer.name, batch)),
    }))
  const ruler = (batch) => yardstick?.cells.find((c) => c.model === name && c.precision === precision && c.batch === batch)?.best
  rows.push({ name: yardstick?.name, ours: false, times: batches.map(ruler) })
  const least = ({ times }) => Math.min(...times.filter(Number.isFinite))
  return rows.filter(({ times }) => times.some(Number.isFinite)).sort((a, b) => least(a) - least(b))
}

const heightOf = (rows, batches) => headHeight + rows * (batches * (barHeight + barGap) + peerGap)

function panel(left, top, title, rows, limit) {
  const most = Math.max(...rows.flatMap(({ times }) => times).filter(Number.isFinite))
  const width = (ms) => (ms / most) * (panelWidth - labelWidth - valueWidth)
  const start = left + labelWidth
  const parts = [text(left, top + 18, title, 'class="title"')]
  let y = top + headHeight
  for (const { name, ours, times } of rows) {
    const block = times.length * (barHeight + barGap)
    parts.push(text(start - 8, y + block / 2 + 3, name, `text-anchor="end"${ours ? ' class="ours"' : ''}`))
    times.forEach((ms, i) => {
      if (!Number.isFinite(ms)) return
      const at = y + i * (barHeight + barGap)
      const fill = `fill="${ours ? colours.ours : colours.peer}"${i > 0 ? ' fill-opacity="0.55"' : ''}`
      parts.push(`<rect x="${start}" y="${at}" width="${number(width(ms))}" height="${barHeight}" rx="1.5" ${fill}/>`)
      parts.push(text(start + width(ms) + 4, at + barHeight - 1.5, number(ms), 'class="value"'))
    })
    y += block + peerGap
  }
  if (limit <= most) {
    const x = number(start + width(limit))
    parts.push(
      `<line x1="${x}" x2="${x}" y1="${top + headHeight - 6}" y2="${y - peerGap + 3}" stroke="${colours.limit}" stroke-dasharray="3 2"/>`,
    )
    parts.push(
      text(
        start + width(limit),
        top + headHeight - 9,
        `limit ${number(limit)}`,
        `class="value" text-anchor="middle" fill="${colours.limit}"`,
      ),
    )
  }
  return parts.join('\n')
}

/** Of the greatest number of threads measured. '' where nothing was measured from pixel values. */
export function plot(results) {
  const threads = Math.max(...results.models.map((model) => model.threads))
  const models = results.models.filter((model) => model.threads === threads)
  const batches = [...new Set(models.flatMap(({ cells }) => cells.filter(({ input }) => input === 'pixels').map(({ batch }) => batch)))]
  const { gops } = results.peaks.find((peak) => peak.threads === threads)
  const parts = []
  let y = margin + 34
  for (const precision of ['fp32', 'bf16', 'int8']) {
    const all = models.map((model) => ({ model, rows: rowsOf(precision, model, results, batches) })).filter(({ rows }) => rows.length > 0)
    if (all.length === 0) continue
    for (const { model, rows } of all) {
      const x = margin + models.indexOf(model) * (panelWidth + margin)
      parts.push(panel(x, y, `${titles[model.name] ?? model.name}, ${precision}`, rows, model.flops / (gops?.[precision] ?? 0) / 1e6))
    }
    y += Math.max(...all.map(({ rows }) => heightOf(rows.length, batches.length))) + margin
  }
  const width = margin + models.length * (panelWidth + margin)
  const { environment: machine } = results
  const cpu = machine.microarchitecture ? `${machine.cpu} (${machine.microarchitecture})` : machine.cpu
  const shades =
    batches.length > 1 ? `; full colour batch ${batches[0]}, then lighter ${batches.slice(1).join(', ')}` : `, batch ${batches[0]}`
  const note = `Milliseconds per image from pixel values, less is better${shades}. ${cpu}, ${threads} thread${threads > 1 ? 's' : ''}, ${machine.date.slice(0, 10)}.`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" role="img">
<title>vitrine beside its peers: milliseconds per image</title>
<style>
text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: ${colours.text}; }
.title { font-size: 14px; font-weight: 600; }
.value { font-size: 10.5px; }
.ours { fill: ${colours.ours}; font-weight: 600; }
</style>
${text(margin, margin + 12, note)}
${parts.join('\n')}
</svg>
`
}
