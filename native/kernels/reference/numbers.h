// Values of a matrix as doubles and back. kU8 is not among them: its values need a row's scale.
#pragma once

#include <cmath>
#include <cstring>

#include "../number.h"

namespace vitrine::reference {

inline double ValueAt(const void* values, Number number, int64_t index) {
  if (number == Number::kF32) return double(static_cast<const float*>(values)[index]);
  const uint32_t bits = uint32_t(static_cast<const uint16_t*>(values)[index]) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return double(value);
}

// Rounded to float, then to nearest even
inline void PutValue(void* values, Number number, int64_t index, double value) {
  const float rounded = float(value);
  if (number == Number::kF32) {
    static_cast<float*>(values)[index] = rounded;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &rounded, 4);
  bits = std::isnan(rounded) ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1);
  static_cast<uint16_t*>(values)[index] = uint16_t(bits >> 16);
}

}  // namespace vitrine::reference
