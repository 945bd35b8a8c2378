// What the CPU can do and the operating system lets it do. Read by kernels/dispatch.cc against the bits of kernels/isa_list.h.
#pragma once

#include <cstdint>

namespace vitrine {

enum CpuFeature : uint64_t {
  kCpuSse2 = 1u << 0,
  kCpuAvx2 = 1u << 1,
  kCpuFma = 1u << 2,
  kCpuAvx512f = 1u << 3,
  kCpuAvx512bw = 1u << 4,
  kCpuAvx512vl = 1u << 5,
  kCpuAvx512dq = 1u << 6,
  kCpuAvx512Vnni = 1u << 7,
  kCpuAvx512Bf16 = 1u << 8,
};

// The union of CpuFeature bits. A bit is set only when CPUID shows the instructions and XGETBV shows that the operating system saves
// the registers they use (a kernel without AVX-512 state would corrupt them at the first context switch). 0 on other architectures.
uint64_t CpuFeatures();

}  // namespace vitrine
