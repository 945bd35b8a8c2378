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
  kCpuAvxVnni = 1u << 9,
};

// The answers of CPUID that matter, and XCR0: the register states that the operating system saves (0 where CPUID denies XGETBV).
struct CpuidAnswers {
  uint32_t leaf1_ecx = 0, leaf1_edx = 0, leaf7_ebx = 0, leaf7_ecx = 0, leaf7_1_eax = 0;
  uint64_t saved_states = 0;
};

// The union of CpuFeature bits. A bit is set only when CPUID shows the instructions and the operating system saves the registers that
// they use: a kernel without saved AVX-512 state would be corrupted by the first context switch.
uint64_t FeaturesOf(const CpuidAnswers& answers);

// This machine's; 0 on architectures other than x86-64.
uint64_t CpuFeatures();

}  // namespace vitrine
