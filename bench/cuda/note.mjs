// The result as Markdown. Before it: index.js.

const number = (value) => (value === undefined ? '–' : value >= 100 ? value.toFixed(0) : value.toFixed(1))

export function note({ wanted, machine, info, parity, speed, torch }) {
  const lines = [`# ${info?.device ?? wanted.device}`, '']
  lines.push(
    `${machine.cpu}, ${machine.cores} threads; Node ${machine.node}; ONNX Runtime ${info?.onnxruntime?.version ?? '?'}, ${info?.provider ?? '?'}.`,
    '',
  )
  lines.push('## Vectors', '')
  lines.push('fp32: largest difference in proportion to the largest value, at most 1e-3. fp16: smallest cosine, at least 0.9999.', '')
  lines.push('| what | precision | tensors | worst | of | |', '| --- | --- | ---: | ---: | --- | --- |')
  for (const { what, dtype, tensors, worst, tensor, good } of parity) {
    const value = dtype === 'fp32' ? worst.toExponential(1) : worst.toFixed(6)
    lines.push(`| ${what} | ${dtype} | ${tensors} | ${value} | ${tensor} | ${good ? 'good' : '**wrong**'} |`)
  }
  lines.push('', '## Images a second', '', 'One call after another, each with so many images.', '')
  lines.push('| model | precision | on | batch | from pixel values | from JPEG 1280×960 |', '| --- | --- | --- | ---: | ---: | ---: |')
  for (const { name, dtype, where, batch, pixels, jpeg } of [...speed, ...torch]) {
    lines.push(`| ${name} | ${dtype} | ${where} | ${batch} | ${number(pixels)} | ${number(jpeg)} |`)
  }
  return `${lines.join('\n')}\n`
}
