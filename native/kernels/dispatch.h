// Which kernels run: detected once, forced by VITRINE_ISA, listed for tests, benchmarks and `model.info`.
#pragma once

#include <string>
#include <vector>

#include "../engine/status.h"
#include "kernels.h"

namespace vitrine {

struct IsaEntry {
  const char* name;        // "reference", then the names of isa_list.h
  bool supported;          // by this CPU and operating system (CPUID and XGETBV)
  const Kernels* kernels;  // complete: slots that the ISA leaves empty come from the strongest supported one below it
};

// Every ISA compiled into this binary, weakest first ("reference" first: plain loops with double sums, see reference/).
const std::vector<IsaEntry>& AllIsas();

// The strongest supported ISA, or the one that VITRINE_ISA names. An unknown or unsupported name: kIsaUnsupported with the list of
// valid ones. Read once per process.
Status ActiveIsa(const IsaEntry** isa);

}  // namespace vitrine
