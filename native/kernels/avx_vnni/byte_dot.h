// The sum of four products of unsigned and signed bytes per lane, added in int32 without saturation (VPDPBUSD as AVX-VNNI encodes it). On a
// CPU without it test/kernels/stand_in.cc runs this folder with the one instruction emulated.
#pragma once

#include "../avx2/ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline IntVec DotOfBytes(IntVec sum, IntVec bytes, IntVec weights) { return _mm256_dpbusd_avx_epi32(sum, bytes, weights); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE

#include "../generic/byte_dot_vnni.inl"
