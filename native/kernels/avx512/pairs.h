// Thirty-two int16 in a ZMM register, for generic/resample.inl. The names are described in sse2/pairs.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Pairs = __m512i;
using Sums = __m512i;
constexpr int kTaps = 8;
constexpr int kTapBytes = 32;
constexpr int kRowBlock = 64;

inline Sums ZeroSums() { return _mm512_setzero_si512(); }
inline Sums MulAddPairs(Sums sums, Pairs a, Pairs b) { return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b)); }
inline Sums JoinSums(Sums high, Sums low) { return _mm512_add_epi32(_mm512_slli_epi32(high, 11), low); }

struct Rounding {
  Sums half;
  __m128i bits;
};
inline Rounding MakeRounding(int32_t bits) { return {_mm512_set1_epi32(1 << (bits - 1)), _mm_cvtsi32_si128(bits)}; }
inline Sums RoundShift(Sums sums, const Rounding& rounding) {
  return _mm512_sra_epi32(_mm512_add_epi32(sums, rounding.half), rounding.bits);
}

// Quarter q takes taps 2q and 2q + 1: bytes 6q to 6q + 5, which begin in 32-bit word ⌊6q/4⌋, half a word later where q is odd.
inline Pairs LoadTaps(const uint8_t* p) {
  const __m512i bytes = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  const __m512i words = _mm512_setr_epi32(0, 1, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 4, 5, 0, 0);
  // Bytes of a pair are a word apart: byte 0, zero, byte 3, zero (1 and 4, 2 and 5), and two bytes further in odd quarters.
  const __m512i spread = _mm512_set4_epi32(-1, int(0xFF05FF02u), int(0xFF04FF01u), int(0xFF03FF00u));
  const __m512i shifted = _mm512_set4_epi32(-1, int(0xFF07FF04u), int(0xFF06FF03u), int(0xFF05FF02u));
  const __m512i order = _mm512_mask_blend_epi32(0xF0F0, spread, shifted);
  return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(words, bytes), order);
}
inline void LoadTapCoefficients(const uint8_t* packed, Pairs* high, Pairs* low) {
  const __m512i both = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed)));
  *high = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), both);
  *low = _mm512_permutexvar_epi32(_mm512_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7), both);
}
inline void StorePixels(const Sums rows[4], const Rounding& rounding, uint8_t rgbx[16]) {
  const auto add_halves = [](Sums a, Sums b) {  // a's two halves into the lower one, b's into the upper one
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xEE));
  };
  const __m512i first = add_halves(rows[0], rows[1]), second = add_halves(rows[2], rows[3]);
  const __m512i sums = _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, 0x88), _mm512_shuffle_i32x4(first, second, 0xDD));
  const __m512i levels = _mm512_max_epi32(RoundShift(sums, rounding), _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rgbx), _mm512_cvtusepi32_epi8(levels));
}

inline Pairs BroadcastPair(const uint8_t* packed) {
  int32_t pair;
  std::memcpy(&pair, packed, 4);
  return _mm512_set1_epi32(pair);
}
inline void LoadRowPair(const uint8_t* upper, const uint8_t* lower, Pairs pairs[4]) {
  const __m512i a = _mm512_loadu_si512(upper), b = _mm512_loadu_si512(lower);
  const __m512i zero = _mm512_setzero_si512(), left = _mm512_unpacklo_epi8(a, b), right = _mm512_unpackhi_epi8(a, b);
  pairs[0] = _mm512_unpacklo_epi8(left, zero);
  pairs[1] = _mm512_unpackhi_epi8(left, zero);
  pairs[2] = _mm512_unpacklo_epi8(right, zero);
  pairs[3] = _mm512_unpackhi_epi8(right, zero);
}
inline void StoreRowBlock(const Sums sums[4], const Rounding& rounding, uint8_t* out) {
  const __m512i left = _mm512_packs_epi32(RoundShift(sums[0], rounding), RoundShift(sums[1], rounding));
  const __m512i right = _mm512_packs_epi32(RoundShift(sums[2], rounding), RoundShift(sums[3], rounding));
  _mm512_storeu_si512(out, _mm512_packus_epi16(left, right));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
