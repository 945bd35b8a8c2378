// Products of pairs of int16, added to a lane's int32 (VPDPWSSD), and floats as int16.
#pragma once

#include "../avx512/ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline IntVec DotOfPairs(IntVec sum, IntVec a, IntVec b) { return _mm512_dpwssd_epi32(sum, a, b); }

// Nearest whole numbers, within ±32767: two to a lane, `even` below `odd`; and a's in the lower half, b's in the upper one
inline IntVec JoinInt16(Vec even, Vec odd) {
  return _mm512_mask_mov_epi16(_mm512_slli_epi32(_mm512_cvtps_epi32(odd), 16), 0x55555555, _mm512_cvtps_epi32(even));
}
inline IntVec PackInt16(Vec a, Vec b) {
  const __m512i in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  return _mm512_permutexvar_epi64(in_order, _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b)));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
