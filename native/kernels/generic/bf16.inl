// One float to bf16, nearest even: the same bits everywhere, for weights.
#pragma once

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline uint16_t RoundToBf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
