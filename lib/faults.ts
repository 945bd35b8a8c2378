// Instruction sets that failed their self-test (native/kernels/self_test.h): what is computed with is then a slower one, and the user is
// told. Before it: weights.ts and cli/doctor.ts; after it: native.ts.
import type { NativeRuntime } from './native'

/** One sentence for each instruction set that is not used because its products are wrong on this machine. */
export function faultsOf({ isa: used, isas }: Pick<NativeRuntime, 'isa' | 'isas'>): string[] {
  return isas.flatMap(({ name, fault }) =>
    fault === undefined ? [] : [`the instruction set ${name} is not used on this machine, ${used} is: it failed its self-test, ${fault}`],
  )
}

const warned = new Set<string>()

/** A process warning of code VITRINE_SELF_TEST for each of them, once. */
export function warnOfFaults(runtime: Pick<NativeRuntime, 'isa' | 'isas'>): void {
  for (const fault of faultsOf(runtime)) {
    if (warned.has(fault)) continue
    warned.add(fault)
    process.emitWarning(fault, { type: 'VitrineWarning', code: 'VITRINE_SELF_TEST' })
  }
}
