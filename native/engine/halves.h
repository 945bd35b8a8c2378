// fp32 and the 16-bit types of weight files, of graphs and of bf16 activations. Kernels have their own conversions.
#pragma once

#include <bit>
#include <cstdint>

namespace vitrine {

// To nearest, ties to even. Too large: infinity. NaN stays NaN.
inline uint16_t NarrowedBF16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  return uint16_t(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
void NarrowF16(const float* in, uint16_t* out, int64_t count);
void NarrowBF16(const float* in, uint16_t* out, int64_t count);

// Exact for every value, subnormal ones, infinities and NaN included.
inline float WidenedBF16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }
void WidenF16(const uint16_t* in, float* out, int64_t count);
void WidenBF16(const uint16_t* in, float* out, int64_t count);

}  // namespace vitrine
