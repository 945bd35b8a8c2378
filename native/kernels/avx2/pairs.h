// Sixteen int16 in a YMM register, for generic/resample.inl. The names are described in sse2/pairs.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Pairs = __m256i;
using Sums = __m256i;
constexpr int kTaps = 4;
constexpr int kTapBytes = 16;
constexpr int kRowBlock = 32;

inline Sums ZeroSums() { return _mm256_setzero_si256(); }
inline Sums MulAddPairs(Sums sums, Pairs a, Pairs b) { return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b)); }
inline Sums JoinSums(Sums high, Sums low) { return _mm256_add_epi32(_mm256_slli_epi32(high, 11), low); }

struct Rounding {
  Sums half;
  __m128i bits;
};
inline Rounding MakeRounding(int32_t bits) { return {_mm256_set1_epi32(1 << (bits - 1)), _mm_cvtsi32_si128(bits)}; }
inline Sums RoundShift(Sums sums, const Rounding& rounding) {
  return _mm256_sra_epi32(_mm256_add_epi32(sums, rounding.half), rounding.bits);
}

// The lower half takes taps 0 and 1, the upper half taps 2 and 3.
inline Pairs LoadTaps(const uint8_t* p) {
  const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                          6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), spread);
}
inline void LoadTapCoefficients(const uint8_t* packed, Pairs* high, Pairs* low) {
  const __m256i both = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(packed)));
  *high = _mm256_permutevar8x32_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
  *low = _mm256_permutevar8x32_epi32(both, _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3));
}
inline void StorePixels(const Sums rows[4], const Rounding& rounding, uint8_t rgbx[16]) {
  const auto add_halves = [](Sums a, Sums b) {  // a in the lower half, b in the upper one
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
  };
  const __m256i even_odd =
      _mm256_packs_epi32(RoundShift(add_halves(rows[0], rows[1]), rounding), RoundShift(add_halves(rows[2], rows[3]), rounding));
  const __m256i bytes = _mm256_packus_epi16(even_odd, even_odd);  // rows 0, 2 below; 1, 3 above
  const __m128i ordered = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rgbx), ordered);
}

inline Pairs BroadcastPair(const uint8_t* packed) {
  int32_t pair;
  std::memcpy(&pair, packed, 4);
  return _mm256_set1_epi32(pair);
}
inline void LoadRowPair(const uint8_t* upper, const uint8_t* lower, Pairs pairs[4]) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
  const __m256i zero = _mm256_setzero_si256(), left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
  pairs[0] = _mm256_unpacklo_epi8(left, zero);
  pairs[1] = _mm256_unpackhi_epi8(left, zero);
  pairs[2] = _mm256_unpacklo_epi8(right, zero);
  pairs[3] = _mm256_unpackhi_epi8(right, zero);
}
inline void StoreRowBlock(const Sums sums[4], const Rounding& rounding, uint8_t* out) {
  const __m256i left = _mm256_packs_epi32(RoundShift(sums[0], rounding), RoundShift(sums[1], rounding));
  const __m256i right = _mm256_packs_epi32(RoundShift(sums[2], rounding), RoundShift(sums[3], rounding));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_packus_epi16(left, right));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
