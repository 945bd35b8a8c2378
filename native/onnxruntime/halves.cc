// Rounding by bits, behind halves.h.
#include "halves.h"

#include <bit>

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
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = std::bit_cast<uint32_t>(in[i]);
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = uint16_t(nan ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}

}  // namespace vitrine
