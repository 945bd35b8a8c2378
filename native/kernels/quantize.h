// Contract: rows of values → bytes with a scale and a zero point per row, what gemm_int8 reads. Before it: attention.h or the MLP's
// activation; after it: gemm.h.
#pragma once

#include <cstdint>

#include "number.h"

namespace vitrine {

// low = min(0, min x), high = max(0, max x): scale = (high − low) / 255 (a row of zeros: 1), zero = round(−low / scale),
// y = clamp(round(x / scale) + zero, 0, 255), halves to even; 0 is exact. A row that holds NaN or infinity has the scale NaN, so that
// whatever reads it is NaN.
struct QuantizeCall {
  const void* x;  // kF32 or kBf16
  Number x_number;
  int64_t ldx;
  // Row stride ldy; bytes up to a multiple of 4 are written. May be x, with ldx values to ldy bytes: each row over its own first part.
  uint8_t* y;
  int64_t ldy;
  float* scale;   // [rows]
  int32_t* zero;  // [rows]
  int64_t rows, dim;
};

using QuantizeFn = void (*)(const QuantizeCall& call);

}  // namespace vitrine
