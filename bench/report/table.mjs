// Rows of strings → a table of text or Markdown. Before it: report.mjs and its neighbours.

export const number = (value, digits = 1) => (Number.isFinite(value) ? value.toFixed(digits) : '–')

/** [header, ...rows]; the first column left, the others right. */
export function table(rows, markdown) {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)))
  const line = (row) => {
    const cells = row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
    return markdown ? `| ${cells.join(' | ')} |` : cells.join('  ').trimEnd()
  }
  const rule = widths.map((width, c) => (c === 0 || !markdown ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)].join('\n')
}
