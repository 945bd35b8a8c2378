// What the registers of an instruction set can do on one thread: multiply-adds in fourteen independent chains, nothing read or written.
// Before it: kernels.cc.
#pragma once

#include <chrono>
#include <cstring>

#include "kernels/number.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace vitrine::bench {

inline double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

#if defined(__x86_64__) && defined(__GNUC__)
#define VITRINE_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define VITRINE_BEGIN(c) auto chain##c = zero;
// The empty asm keeps the compiler from folding chains that hold the same ("v": any vector register).
#define VITRINE_STEP(c)      \
  chain##c = step(chain##c); \
  asm volatile("" : "+v"(chain##c));
#define VITRINE_PEAK(name, flags, begin, sum)                                        \
  __attribute__((target(flags))) inline void name() {                                \
    const auto zero = begin;                                                         \
    const auto step = [zero](auto x) __attribute__((target(flags))) { return sum; }; \
    VITRINE_CHAINS(VITRINE_BEGIN)                                                    \
    for (int i = 0; i < 4096; i++) { VITRINE_CHAINS(VITRINE_STEP) }                  \
  }
VITRINE_PEAK(Sse2Chains, "sse2", _mm_setzero_ps(), _mm_add_ps(_mm_mul_ps(x, zero), zero))
VITRINE_PEAK(Avx2Chains, "avx2,fma", _mm256_setzero_ps(), _mm256_fmadd_ps(x, zero, zero))
VITRINE_PEAK(Avx512Chains, "avx512f", _mm512_setzero_ps(), _mm512_fmadd_ps(x, zero, zero))
VITRINE_PEAK(Bf16Chains, "avx512f,avx512bf16", _mm512_setzero_ps(), _mm512_dpbf16_ps(x, (__m512bh)zero, (__m512bh)zero))
VITRINE_PEAK(ByteChains, "avx512f,avx512vnni", _mm512_setzero_si512(), _mm512_dpbusd_epi32(x, zero, zero))
#endif

// FLOP/s of the numbers on an instruction set, 0 where it is not known here. The CPU has to have that instruction set.
inline double Peak(const char* isa, Number number) {
  void (*chains)() = nullptr;
  double flops = 0;  // of one step of one chain
#if defined(__x86_64__) && defined(__GNUC__)
  const bool avx512 = std::strncmp(isa, "avx512", 6) == 0;
  if (number == Number::kBf16) {
    if (std::strcmp(isa, "avx512_bf16") == 0) chains = Bf16Chains, flops = 64;
  } else if (number == Number::kU8) {
    if (std::strcmp(isa, "avx512_bf16") == 0 || std::strcmp(isa, "avx512_vnni") == 0) chains = ByteChains, flops = 128;
  } else if (avx512) {
    chains = Avx512Chains, flops = 32;
  } else if (std::strncmp(isa, "avx", 3) == 0) {
    chains = Avx2Chains, flops = 16;
  } else if (std::strcmp(isa, "sse2") == 0) {
    chains = Sse2Chains, flops = 8;
  }
#endif
  if (chains == nullptr) return 0;
  double best = 1e9;
  for (int run = 0; run < 200; run++) {
    const double start = Seconds();
    chains();
    const double taken = Seconds() - start;
    if (taken < best) best = taken;
  }
  return flops * 14 * 4096 / best;
}

}  // namespace vitrine::bench
