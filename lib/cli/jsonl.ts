// One JSON object per image, one per line. Before it: formats.ts.
import type { NestedList } from '../tensor'
import type { Job, Row, RowWriter } from './formats'
import { openText } from './output'

/** `{ index, source, dims, features }`; with several outputs both are objects by name; `{ index, source, error }` where it failed. */
export async function openJsonl(job: Job): Promise<RowWriter> {
  const output = await openText(job.output)
  return {
    write: (row) => output.write(`${JSON.stringify(line(row, job))}\n`),
    end: () => output.end(),
    discard: () => output.discard(),
  }
}

function line({ index, source, tensors, error }: Row, { columns }: Job): object {
  if (!tensors) return { index, source, error }
  const lists = tensors.map((tensor) => short((tensor.toList() as NestedList[])[0]!))
  if (columns.length === 1) return { index, source, dims: columns[0]!.dims, features: lists[0] }
  const byName = <T>(values: T[]) => Object.fromEntries(columns.map(({ name }, i) => [name, values[i]]))
  return { index, source, dims: byName(columns.map(({ dims }) => dims)), features: byName(lists) }
}

/** Nine digits give every float32 back. */
function short(list: NestedList): NestedList {
  return list.map((value) => (typeof value === 'number' ? Number(value.toPrecision(9)) : short(value))) as NestedList
}
