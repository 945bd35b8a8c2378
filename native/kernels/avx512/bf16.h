// Floats to bf16, nearest even. The functions are described in sse2/bf16.h.
#pragma once

#include "../generic/bf16.inl"
#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline void StoreBf16(uint16_t* p, Vec x) {
  const __m512i bits = _mm512_castps_si512(x), last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x00400000));
  const __m512i high = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, quiet);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(high, 16)));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
