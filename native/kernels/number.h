// What the values of a matrix are. Kernels read the left side of a product in units of 32 bits: one float, two bf16, four bytes.
#pragma once

#include <cstdint>

namespace vitrine {

// kU8: quantised per row, value = scale[m] · (byte − zero[m]), zero an integer in 0…255; the scales and zero points travel beside the
// matrix.
enum class Number : uint8_t { kF32, kBf16, kU8 };

constexpr int64_t BytesOf(Number number) { return number == Number::kF32 ? 4 : number == Number::kBf16 ? 2 : 1; }

// Values of a unit. Rows are padded with zeros to whole units wherever a product reads them.
constexpr int64_t UnitOf(Number number) { return 4 / BytesOf(number); }

}  // namespace vitrine
