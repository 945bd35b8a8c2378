// Four products of unsigned and signed bytes per lane, added in int32 without saturation (VPDPBUSD as AVX-VNNI encodes it). On a CPU
// without it test/kernels/stand_in.cc runs this folder with the one instruction emulated.
#pragma once

#include "../avx2/ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct ByteDot {
  using Left = uint32_t;   // four bytes
  using Right = uint32_t;  // four weights
  using Out = int32_t;
  static constexpr int64_t kUnit = 4;
  static IntVec None() { return _mm256_setzero_si256(); }
  static IntVec Value(const uint32_t* a) { return _mm256_set1_epi32(int32_t(*a)); }
  static IntVec Weights(const uint32_t* panel) { return LoadInts(panel); }
  static IntVec Step(IntVec value, IntVec weights, IntVec sum) { return _mm256_dpbusd_avx_epi32(sum, value, weights); }
  static void StoreSum(int32_t* out, IntVec sum) { StoreInts(out, sum); }
};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
