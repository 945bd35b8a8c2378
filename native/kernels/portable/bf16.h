// Floats to bf16, nearest even. The functions are described in sse2/bf16.h.
#pragma once

#include "../generic/bf16.inl"
#include "ints.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline void StoreBf16(uint16_t* p, Vec x) {
  for (int i = 0; i < kLanes; i++) p[i] = RoundToBf16(x[i]);
}
inline void StoreBf16(uint16_t* p, Vec a, Vec b) { StoreBf16(p, a), StoreBf16(p + kLanes, b); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
