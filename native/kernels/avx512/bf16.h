// Floats to bf16, nearest even. The functions are described in sse2/bf16.h.
#pragma once

#include "../generic/bf16.inl"
#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// In the low half of each lane
inline __m512i RoundedBf16(Vec x) {
  const __m512i bits = _mm512_castps_si512(x), half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
  const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x00010000));
  const __m512i rounded = _mm512_mask_add_epi32(half, odd, half, _mm512_set1_epi32(1));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_srli_epi32(_mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x00400000)), 16);
}
inline void StoreBf16(uint16_t* p, Vec x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(RoundedBf16(x))); }
inline void StoreBf16(uint16_t* p, Vec a, Vec b) {
  const __m512i in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi64(in_order, _mm512_packus_epi32(RoundedBf16(a), RoundedBf16(b))));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
