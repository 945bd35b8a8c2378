// bf16 as the CPU has it: conversion, and products of pairs added in fp32 (VDPBF16PS; subnormal numbers count as zero there).
#pragma once

#include "../avx512/ints.h"
#include "../generic/bf16.inl"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline void StoreBf16(uint16_t* p, Vec x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(x)); }
// a, then b
inline void StoreBf16(uint16_t* p, Vec a, Vec b) { _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(b, a)); }

// x·2ⁿ for integral n; what is below the normal numbers is 0 as bf16. NaN in both gives NaN, n = -∞ gives 0 whatever x is.
inline Vec TimesPower(Vec x, Vec n) { return _mm512_scalef_ps(x, n); }

// out[i] = a[i] in the low half, b[i] in the high half, for kLanes of each
inline void StorePairs(uint32_t* out, const uint16_t* a, const uint16_t* b) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)));
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
  _mm512_storeu_si512(out, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

struct PairDot {
  using Left = uint32_t;
  using Right = uint32_t;
  using Out = float;
  static constexpr int64_t kUnit = 2;
  static constexpr bool kStaysInRegisters = true;
  static constexpr int64_t kLongestPart = INT64_MAX;
  static Vec None() { return Zero(); }
  static __m512bh Value(const uint32_t* a) { return (__m512bh)_mm512_set1_epi32(int32_t(*a)); }
  static __m512bh Weights(const uint32_t* panel) { return (__m512bh)_mm512_loadu_si512(panel); }
  static Vec Step(__m512bh value, __m512bh weights, Vec sum) { return _mm512_dpbf16_ps(sum, value, weights); }
  static void StoreSum(float* out, Vec sum) { Store(out, sum); }
};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
