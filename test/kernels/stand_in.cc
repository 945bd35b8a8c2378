// native/kernels/avx_vnni on a CPU without AVX-VNNI: its own table.cc with the one instruction replaced. Compiled twice: exact in int32, as
// VPDPBUSD is, and VITRINE_STAND_IN_SATURATES, which saturates pairs to int16 and must be found out by the self-test.
#include <immintrin.h>

namespace {

inline __m256i EmulatedDot(__m256i sum, __m256i bytes, __m256i weights) {
#ifdef VITRINE_STAND_IN_SATURATES
  const __m256i pairs = _mm256_maddubs_epi16(bytes, weights);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(0x00ff)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8)),
                odd = _mm256_madd_epi16(_mm256_srli_epi16(bytes, 8), _mm256_srai_epi16(weights, 8));
  return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
#endif
}

}  // namespace

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 EmulatedDot
#include "kernels/avx_vnni/table.cc"
