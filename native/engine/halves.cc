// Rounding by bits, behind halves.h.
#include "halves.h"

namespace vitrine {

void NarrowF16(const float* in, uint16_t* out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = std::bit_cast<uint32_t>(in[i]), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    uint32_t half;
    if (magnitude > 0x7f800000) {
      half = 0x7e00;
    } else if (magnitude >= 0x477ff000) {  // rounds to 2^16 or more
      half = 0x7c00;
    } else if (magnitude < 0x38800000) {  // below 2^-14: a multiple of 2^-24, which adding 0.5 lines up with the last bit of the sum
      half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
    } else {
      half = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    }
    out[i] = uint16_t(sign | half);
  }
}

void NarrowBF16(const float* in, uint16_t* out, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = NarrowedBF16(in[i]);
}

void WidenF16(const uint16_t* in, float* out, int64_t count) {
  constexpr uint32_t kExponent = 0x7c00u << 13;
  const float smallest = std::bit_cast<float>(113u << 23);  // 2^-14: what a subnormal counts from
  for (int64_t i = 0; i < count; i++) {
    const uint32_t magnitude = uint32_t(in[i] & 0x7fff) << 13, exponent = magnitude & kExponent;
    const uint32_t rebased = magnitude + (112u << 23);
    const uint32_t special = rebased + (112u << 23);  // infinity, NaN
    const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(rebased + (1u << 23)) - smallest);
    const uint32_t value = exponent == kExponent ? special : exponent == 0 ? subnormal : rebased;
    out[i] = std::bit_cast<float>(value | uint32_t(in[i] & 0x8000) << 16);
  }
}

void WidenBF16(const uint16_t* in, float* out, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = WidenedBF16(in[i]);
}

}  // namespace vitrine
