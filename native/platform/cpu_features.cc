// CPUID and XGETBV. Before it: nothing; after it: kernels/dispatch.cc.
#include "cpu_features.h"

#if defined(__x86_64__) || defined(_M_X64)
#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace vitrine {

uint64_t FeaturesOf(const CpuidAnswers& answers) {
  constexpr uint64_t kYmmState = 0x06;  // XMM, upper halves of YMM
  constexpr uint64_t kZmmState = 0xe6;  // those, mask registers, upper halves of ZMM0-15, ZMM16-31
  const auto bit = [](uint32_t value, int index) { return (value >> index & 1) != 0; };
  const bool ymm = (answers.saved_states & kYmmState) == kYmmState && bit(answers.leaf1_ecx, 28);
  const bool zmm = ymm && (answers.saved_states & kZmmState) == kZmmState && bit(answers.leaf7_ebx, 16);
  uint64_t features = 0;
  const auto set = [&features](bool present, CpuFeature feature) { features |= present ? uint64_t(feature) : 0; };
  set(bit(answers.leaf1_edx, 26), kCpuSse2);
  set(ymm && bit(answers.leaf7_ebx, 5), kCpuAvx2);
  set(ymm && bit(answers.leaf1_ecx, 12), kCpuFma);
  set(ymm && bit(answers.leaf7_1_eax, 4), kCpuAvxVnni);
  set(zmm, kCpuAvx512f);
  set(zmm && bit(answers.leaf7_ebx, 30), kCpuAvx512bw);
  set(zmm && bit(answers.leaf7_ebx, 31), kCpuAvx512vl);
  set(zmm && bit(answers.leaf7_ebx, 17), kCpuAvx512dq);
  set(zmm && bit(answers.leaf7_ecx, 11), kCpuAvx512Vnni);
  set(zmm && bit(answers.leaf7_1_eax, 5), kCpuAvx512Bf16);
  return features;
}

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// Zeros for a leaf beyond the highest one: CPUID answers those with data of another leaf.
Registers CpuId(uint32_t leaf, uint32_t subleaf) {
  Registers r;
#ifdef _MSC_VER
  int out[4];
  __cpuid(out, 0);
  if (uint32_t(out[0]) < leaf) return r;
  __cpuidex(out, int(leaf), int(subleaf));
  r = {uint32_t(out[0]), uint32_t(out[1]), uint32_t(out[2]), uint32_t(out[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

// XCR0. XGETBV itself faults where CPUID does not show OSXSAVE.
uint64_t SavedStates() {
#ifdef _MSC_VER
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
#endif
}

}  // namespace

uint64_t CpuFeatures() {
  const Registers one = CpuId(1, 0), seven = CpuId(7, 0), seven_one = seven.eax >= 1 ? CpuId(7, 1) : Registers{};
  const bool osxsave = (one.ecx >> 27 & 1) != 0;
  return FeaturesOf({one.ecx, one.edx, seven.ebx, seven.ecx, seven_one.eax, osxsave ? SavedStates() : 0});
}

#else

uint64_t CpuFeatures() { return 0; }

#endif

}  // namespace vitrine
