// Floats to bf16, nearest even, NaN stays NaN. What every ISA's bf16.h gives to generic/*.inl; where the CPU multiplies bf16, PairDot too.
#pragma once

#include "../generic/bf16.inl"
#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// kLanes floats, or a's and then b's
inline void StoreBf16(uint16_t* p, Vec x) {
  const __m128i bits = _mm_castps_si128(x), last = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
  const __m128i rounded = _mm_add_epi32(bits, _mm_add_epi32(last, _mm_set1_epi32(0x7fff)));
  const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(x, x)), quiet = _mm_or_si128(bits, _mm_set1_epi32(0x00400000));
  const __m128i high = _mm_srai_epi32(_mm_or_si128(_mm_and_si128(nan, quiet), _mm_andnot_si128(nan, rounded)), 16);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(high, high));
}
inline void StoreBf16(uint16_t* p, Vec a, Vec b) { StoreBf16(p, a), StoreBf16(p + kLanes, b); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
