// Eight int32 beside Vec, and the numbers narrower than a float. The functions are described in sse2/ints.h.
#pragma once

#include "vec.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using IntVec = __m256i;

inline IntVec SetInts(int32_t x) { return _mm256_set1_epi32(x); }
inline IntVec LoadInts(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void StoreInts(void* p, IntVec x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
inline IntVec AddInts(IntVec a, IntVec b) { return _mm256_add_epi32(a, b); }
inline IntVec SubInts(IntVec a, IntVec b) { return _mm256_sub_epi32(a, b); }
inline IntVec MulInts(IntVec a, IntVec b) { return _mm256_mullo_epi32(a, b); }
inline Vec ToFloats(IntVec x) { return _mm256_cvtepi32_ps(x); }
inline IntVec BitsOfFloats(Vec x) { return _mm256_castps_si256(x); }
inline Vec FloatsOfBits(IntVec x) { return _mm256_castsi256_ps(x); }
inline IntVec XorInts(IntVec a, IntVec b) { return _mm256_xor_si256(a, b); }
inline IntVec MaxInts(IntVec a, IntVec b) { return _mm256_max_epi32(a, b); }
inline IntVec MaxInt16(IntVec a, IntVec b) { return _mm256_max_epi16(a, b); }
inline int32_t MaxIntLanes(IntVec x) {
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
}

struct EvenOdd {
  IntVec even, odd;
};
inline EvenOdd SplitUnsigned(IntVec x) { return {_mm256_and_si256(x, _mm256_set1_epi32(0x00ff00ff)), _mm256_srli_epi16(x, 8)}; }
inline EvenOdd SplitSigned(IntVec x) { return {_mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), _mm256_srai_epi16(x, 8)}; }
inline IntVec MulAddInt16(IntVec a, IntVec b) { return _mm256_madd_epi16(a, b); }
inline IntVec AddInt16(IntVec a, IntVec b) { return _mm256_add_epi16(a, b); }
inline IntVec SubInt16(IntVec a, IntVec b) { return _mm256_sub_epi16(a, b); }
inline IntVec LoadBytePairs(const uint8_t* p) {
  const __m256i words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(words, 0xd8), 0xd8);
}
__attribute__((always_inline)) inline void AddInOrder(IntVec& sum, IntVec x) { asm volatile("vpaddd %1, %0, %0" : "+x"(sum) : "x"(x)); }

inline Vec LoadBf16(const uint16_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
inline void SplitBf16(const uint16_t* p, Vec* even, Vec* odd) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  *even = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
  *odd = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(int(0xffff0000u))));
}
inline void StoreBytes(uint8_t* p, Vec x) {
  const __m256i whole = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
inline void StoreBytePairs(uint8_t* p, Vec even, Vec odd) {
  const __m256i words = _mm256_blend_epi16(_mm256_cvtps_epi32(even), _mm256_slli_epi32(_mm256_cvtps_epi32(odd), 16), 0xaa);
  const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(bytes));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
