// Floats to bf16, nearest even. The functions are described in sse2/bf16.h.
#pragma once

#include "../generic/bf16.inl"
#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline void StoreBf16(uint16_t* p, Vec x) {
  const __m256i bits = _mm256_castps_si256(x), last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)), quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
  const __m256i high = _mm256_srai_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words);
}
inline void StoreBf16(uint16_t* p, Vec a, Vec b) { StoreBf16(p, a), StoreBf16(p + kLanes, b); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
