// uint8 pixels as pairs of int16, multiplied by pairs of coefficients and added: what generic/resample.inl needs of an ISA. Every pairs.h
// has the same names, described here.
#pragma once

#include <emmintrin.h>

#include <cstdint>
#include <cstring>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Pairs = __m128i;         // pairs of int16, one pair for each of Sums
using Sums = __m128i;          // int32
constexpr int kTaps = 2;       // pixels of one horizontal step; even
constexpr int kTapBytes = 8;   // bytes that LoadTaps reads, ≥ 3·kTaps
constexpr int kRowBlock = 16;  // bytes of a row that LoadRowPair reads and StoreRowBlock writes

inline Sums ZeroSums() { return _mm_setzero_si128(); }
// sums[i] + a[2i]·b[2i] + a[2i+1]·b[2i+1]
inline Sums MulAddPairs(Sums sums, Pairs a, Pairs b) { return _mm_add_epi32(sums, _mm_madd_epi16(a, b)); }
inline Sums JoinSums(Sums high, Sums low) { return _mm_add_epi32(_mm_slli_epi32(high, 11), low); }

// What turns a sum into a level: half is added, then `bits` are shifted out, and the rest is clipped to 0…255.
struct Rounding {
  Sums half;
  __m128i bits;
};
inline Rounding MakeRounding(int32_t bits) { return {_mm_set1_epi32(1 << (bits - 1)), _mm_cvtsi32_si128(bits)}; }
inline Sums RoundShift(Sums sums, const Rounding& rounding) { return _mm_sra_epi32(_mm_add_epi32(sums, rounding.half), rounding.bits); }

// kTaps RGB pixels → pairs (tap 0, tap 1) of red, green, blue and an unused one, once for every two taps.
inline Pairs LoadTaps(const uint8_t* p) {
  const __m128i rgbrgb = _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
  return _mm_unpacklo_epi16(rgbrgb, _mm_srli_si128(rgbrgb, 6));
}
// kTaps high parts, then kTaps low parts → each pair beside the pixels of its taps.
inline void LoadTapCoefficients(const uint8_t* packed, Pairs* high, Pairs* low) {
  const __m128i both = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(packed));
  *high = _mm_shuffle_epi32(both, 0x00);
  *low = _mm_shuffle_epi32(both, 0x55);
}
// Sums of LoadTaps of four rows → red, green, blue and an unused byte of each.
inline void StorePixels(const Sums rows[4], const Rounding& rounding, uint8_t rgbx[16]) {
  const __m128i first = _mm_packs_epi32(RoundShift(rows[0], rounding), RoundShift(rows[1], rounding));
  const __m128i second = _mm_packs_epi32(RoundShift(rows[2], rounding), RoundShift(rows[3], rounding));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rgbx), _mm_packus_epi16(first, second));
}

// Two int16 of the packed coefficients, everywhere.
inline Pairs BroadcastPair(const uint8_t* packed) {
  int32_t pair;
  std::memcpy(&pair, packed, 4);
  return _mm_set1_epi32(pair);
}
// kRowBlock columns of two rows → pairs (upper, lower), in the order that StoreRowBlock expects.
inline void LoadRowPair(const uint8_t* upper, const uint8_t* lower, Pairs pairs[4]) {
  const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(upper)), b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower));
  const __m128i zero = _mm_setzero_si128(), left = _mm_unpacklo_epi8(a, b), right = _mm_unpackhi_epi8(a, b);
  pairs[0] = _mm_unpacklo_epi8(left, zero);
  pairs[1] = _mm_unpackhi_epi8(left, zero);
  pairs[2] = _mm_unpacklo_epi8(right, zero);
  pairs[3] = _mm_unpackhi_epi8(right, zero);
}
inline void StoreRowBlock(const Sums sums[4], const Rounding& rounding, uint8_t* out) {
  const __m128i left = _mm_packs_epi32(RoundShift(sums[0], rounding), RoundShift(sums[1], rounding));
  const __m128i right = _mm_packs_epi32(RoundShift(sums[2], rounding), RoundShift(sums[3], rounding));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(left, right));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
