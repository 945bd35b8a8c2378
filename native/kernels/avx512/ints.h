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

struct EvenOdd {
  IntVec even, odd;
};
inline EvenOdd SplitUnsigned(IntVec x) { return {_mm512_and_si512(x, _mm512_set1_epi32(0x00ff00ff)), _mm512_srli_epi16(x, 8)}; }
inline EvenOdd SplitSigned(IntVec x) { return {_mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8), _mm512_srai_epi16(x, 8)}; }
inline IntVec MulAddInt16(IntVec a, IntVec b) { return _mm512_madd_epi16(a, b); }

inline Vec LoadBf16(const uint16_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}
inline void StoreBytes(uint8_t* p, Vec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
