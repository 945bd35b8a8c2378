// Four products of unsigned and signed bytes per lane, added in int32 without saturation (VPDPBUSD).
#pragma once

#include "../avx512/ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct ByteDot {
  using Left = uint32_t;   // four bytes
  using Right = uint32_t;  // four weights
  using Out = int32_t;
  static constexpr int64_t kUnit = 4;
  static IntVec None() { return _mm512_setzero_si512(); }
  static IntVec Value(const uint32_t* a) { return _mm512_set1_epi32(int32_t(*a)); }
  static IntVec Weights(const uint32_t* panel) { return LoadInts(panel); }
  static IntVec Step(IntVec value, IntVec weights, IntVec sum) { return _mm512_dpbusd_epi32(sum, value, weights); }
  static void StoreSum(int32_t* out, IntVec sum) { StoreInts(out, sum); }
};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
