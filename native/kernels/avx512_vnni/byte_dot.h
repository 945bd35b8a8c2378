// The sum of four products of unsigned and signed bytes per lane, added in int32 without saturation (VPDPBUSD).
#pragma once

#include "../avx512/ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline IntVec DotOfBytes(IntVec sum, IntVec bytes, IntVec weights) { return _mm512_dpbusd_epi32(sum, bytes, weights); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE

#include "../generic/byte_dot_vnni.inl"
