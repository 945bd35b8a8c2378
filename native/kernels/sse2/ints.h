// Four int32 beside Vec, and the numbers narrower than a float: what every ISA's ints.h gives to generic/*.inl.
#pragma once

#include "vec.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using IntVec = __m128i;

inline IntVec SetInts(int32_t x) { return _mm_set1_epi32(x); }
inline IntVec LoadInts(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline void StoreInts(void* p, IntVec x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }
inline IntVec AddInts(IntVec a, IntVec b) { return _mm_add_epi32(a, b); }
inline IntVec SubInts(IntVec a, IntVec b) { return _mm_sub_epi32(a, b); }
inline IntVec MulInts(IntVec a, IntVec b) {  // the low 32 bits
  const __m128i even = _mm_mul_epu32(a, b), odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32));
  return _mm_unpacklo_epi32(_mm_shuffle_epi32(even, 0x08), _mm_shuffle_epi32(odd, 0x08));
}
inline Vec ToFloats(IntVec x) { return _mm_cvtepi32_ps(x); }
// The bits themselves
inline IntVec BitsOfFloats(Vec x) { return _mm_castps_si128(x); }
inline Vec FloatsOfBits(IntVec x) { return _mm_castsi128_ps(x); }
inline IntVec XorInts(IntVec a, IntVec b) { return _mm_xor_si128(a, b); }
// By lane, and by halves of lanes
inline IntVec MaxInts(IntVec a, IntVec b) {
  const __m128i more = _mm_cmpgt_epi32(a, b);
  return _mm_or_si128(_mm_and_si128(more, a), _mm_andnot_si128(more, b));
}
inline IntVec MaxInt16(IntVec a, IntVec b) { return _mm_max_epi16(a, b); }
// The largest lane
inline int32_t MaxIntLanes(IntVec x) {
  x = MaxInts(x, _mm_shuffle_epi32(x, 0x4e));
  return _mm_cvtsi128_si32(MaxInts(x, _mm_shuffle_epi32(x, 0xb1)));
}

// The bytes of each lane as int16: 0 and 2, 1 and 3
struct EvenOdd {
  IntVec even, odd;
};
inline EvenOdd SplitUnsigned(IntVec x) { return {_mm_and_si128(x, _mm_set1_epi32(0x00ff00ff)), _mm_srli_epi16(x, 8)}; }
inline EvenOdd SplitSigned(IntVec x) { return {_mm_srai_epi16(_mm_slli_epi16(x, 8), 8), _mm_srai_epi16(x, 8)}; }
inline IntVec MulAddInt16(IntVec a, IntVec b) { return _mm_madd_epi16(a, b); }
inline IntVec AddInt16(IntVec a, IntVec b) { return _mm_add_epi16(a, b); }
inline IntVec SubInt16(IntVec a, IntVec b) { return _mm_sub_epi16(a, b); }
// 2·kLanes bytes: those of each four as SplitUnsigned has them, 0 and 2 in a lane, then 1 and 3
inline IntVec LoadBytePairs(const uint8_t* p) {
  const __m128i words = _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)), _mm_setzero_si128());
  return _mm_shufflehi_epi16(_mm_shufflelo_epi16(words, 0xd8), 0xd8);
}
// sum + x, after those before it and before those behind it: GCC would mix what a loop adds, and run out of registers.
__attribute__((always_inline)) inline void AddInOrder(IntVec& sum, IntVec x) { asm volatile("paddd %1, %0" : "+x"(sum) : "x"(x)); }

// kLanes bf16 as floats
inline Vec LoadBf16(const uint16_t* p) {
  return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
// 2·kLanes bf16 as floats: the first, the third, …, and those between
inline void SplitBf16(const uint16_t* p, Vec* even, Vec* odd) {
  const __m128i pairs = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  *even = _mm_castsi128_ps(_mm_slli_epi32(pairs, 16));
  *odd = _mm_castsi128_ps(_mm_and_si128(pairs, _mm_set1_epi32(int(0xffff0000u))));
}
// kLanes floats as bytes: nearest integers, those of less than 0 as 0, those of more than 255 as 255; |x| < 2¹⁵
inline void StoreBytes(uint8_t* p, Vec x) {
  const __m128i words = _mm_packs_epi32(_mm_cvtps_epi32(x), _mm_setzero_si128());
  const int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
  std::memcpy(p, &four, 4);
}
// The same of 2·kLanes floats, of which `even` has the first, the third, …
inline void StoreBytePairs(uint8_t* p, Vec even, Vec odd) {
  const __m128i low = _mm_and_si128(_mm_cvtps_epi32(even), _mm_set1_epi32(0xffff));
  const __m128i words = _mm_or_si128(low, _mm_slli_epi32(_mm_cvtps_epi32(odd), 16));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
