// Which kernels run: detected once, forced by VITRINE_ISA, listed for tests, benchmarks and `model.info`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../engine/status.h"
#include "kernels.h"

namespace vitrine {

struct IsaEntry {
  const char* name;        // "reference", then the names of isa_list.h
  bool supported;          // by this CPU and operating system (CPUID and XGETBV), and its self-test passed
  const Kernels* kernels;  // complete: slots that the ISA leaves empty come from the strongest supported one below it
  std::string fault;       // what its self-test found, where it would be supported otherwise
};

// An ISA as it is compiled in: its own slots, and the CpuFeature bits that it needs.
struct IsaSource {
  const char* name;
  uint64_t needs;
  const Kernels* table;
};

// Lays the tables over one another, weakest first. One whose products of bytes are wrong (self_test.h) is not supported.
std::vector<IsaEntry> LayIsas(std::span<const IsaSource> sources, uint64_t features);

// Every ISA compiled into this binary, weakest first ("reference" first: plain loops with double sums, see reference/). Tested and laid
// once per process.
const std::vector<IsaEntry>& AllIsas();

// The strongest supported ISA, or the one that VITRINE_ISA names. An unknown or unsupported name: kIsaUnsupported with the list of
// valid ones. Read once per process.
Status ActiveIsa(const IsaEntry** isa);

}  // namespace vitrine
