// Products of bytes are tried before they are used: an instruction that a CPU, a hypervisor or an emulator gets wrong must not become
// wrong features. Before it: an ISA's table; after it: dispatch.cc, which leaves out what fails.
#pragma once

#include <string>

#include "gemm.h"

namespace vitrine {

// A product of extreme and ordinary bytes, over every row of the tile and several accumulations, compared exactly with plain int32 loops.
// Empty where all is right; else the first difference. Some 10 µs.
std::string FaultOfByteGemm(const Gemm& gemm);

}  // namespace vitrine
