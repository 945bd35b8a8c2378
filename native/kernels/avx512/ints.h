// Sixteen int32 beside Vec, and the numbers narrower than a float. The functions are described in sse2/ints.h.
#pragma once

#include "vec.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using IntVec = __m512i;

inline IntVec SetInts(int32_t x) { return _mm512_set1_epi32(x); }
inline IntVec LoadInts(const void* p) { return _mm512_loadu_si512(p); }
inline void StoreInts(void* p, IntVec x) { _mm512_storeu_si512(p, x); }
inline IntVec AddInts(IntVec a, IntVec b) { return _mm512_add_epi32(a, b); }
inline IntVec SubInts(IntVec a, IntVec b) { return _mm512_sub_epi32(a, b); }
inline IntVec MulInts(IntVec a, IntVec b) { return _mm512_mullo_epi32(a, b); }
inline Vec ToFloats(IntVec x) { return _mm512_cvtepi32_ps(x); }
inline IntVec BitsOfFloats(Vec x) { return _mm512_castps_si512(x); }
inline Vec FloatsOfBits(IntVec x) { return _mm512_castsi512_ps(x); }
inline IntVec XorInts(IntVec a, IntVec b) { return _mm512_xor_si512(a, b); }
inline IntVec MaxInts(IntVec a, IntVec b) { return _mm512_max_epi32(a, b); }
inline IntVec MaxInt16(IntVec a, IntVec b) { return _mm512_max_epi16(a, b); }
inline int32_t MaxIntLanes(IntVec x) { return _mm512_reduce_max_epi32(x); }

struct EvenOdd {
  IntVec even, odd;
};
inline EvenOdd SplitUnsigned(IntVec x) { return {_mm512_and_si512(x, _mm512_set1_epi32(0x00ff00ff)), _mm512_srli_epi16(x, 8)}; }
inline EvenOdd SplitSigned(IntVec x) { return {_mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8), _mm512_srai_epi16(x, 8)}; }
inline IntVec MulAddInt16(IntVec a, IntVec b) { return _mm512_madd_epi16(a, b); }
inline IntVec AddInt16(IntVec a, IntVec b) { return _mm512_add_epi16(a, b); }
inline IntVec SubInt16(IntVec a, IntVec b) { return _mm512_sub_epi16(a, b); }
inline IntVec LoadBytePairs(const uint8_t* p) {
  const __m512i words = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_shufflehi_epi16(_mm512_shufflelo_epi16(words, 0xd8), 0xd8);
}
__attribute__((always_inline)) inline void AddInOrder(IntVec& sum, IntVec x) { asm volatile("vpaddd %1, %0, %0" : "+v"(sum) : "v"(x)); }

inline Vec LoadBf16(const uint16_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
inline void SplitBf16(const uint16_t* p, Vec* even, Vec* odd) {
  const __m512i pairs = _mm512_loadu_si512(p);
  *even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  *odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(int(0xffff0000u))));
}
inline void StoreBytes(uint8_t* p, Vec x) {
  const __m512i whole = _mm512_max_epi32(_mm512_cvtps_epi32(x), _mm512_setzero_si512());
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(whole));
}
inline void StoreBytePairs(uint8_t* p, Vec even, Vec odd) {
  const __m512i words = _mm512_mask_mov_epi16(_mm512_slli_epi32(_mm512_cvtps_epi32(odd), 16), 0x55555555, _mm512_cvtps_epi32(even));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtusepi16_epi8(_mm512_max_epi16(words, _mm512_setzero_si512())));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
