// Products of pairs of int16, added to a lane's int32, and floats as int16. The functions are described in avx512_vnni/int16.h.
#pragma once

#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline IntVec DotOfPairs(IntVec sum, IntVec a, IntVec b) { return AddInts(sum, MulAddInt16(a, b)); }

inline IntVec JoinInt16(Vec even, Vec odd) {
  return _mm256_blend_epi16(_mm256_cvtps_epi32(even), _mm256_slli_epi32(_mm256_cvtps_epi32(odd), 16), 0xaa);
}
inline IntVec PackInt16(Vec a, Vec b) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b)), 0xd8);
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
