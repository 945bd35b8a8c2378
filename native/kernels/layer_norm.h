// Contract: LayerNorm over rows. Before it: patch_embed.h; after it: gemm.h.
#pragma once

#include <cstdint>

#include "number.h"

namespace vitrine {

// y[m,d] = (x[m,d] − mean_m) / √(var_m + eps) · gamma[d] + beta[d], var biased, two passes in fp32 (torch.nn.LayerNorm).
// x and y have row strides ldx, ldy ≥ dim; a kF32 y may be x. Nothing beyond column dim is read into a sum. A kBf16 y is rounded to nearest
// even, a kU8 y quantised per row as quantize.h does it; both are padded with zeros (of kU8: any byte, which zero weights meet) to whole
// units.
struct LayerNormCall {
  const float* x;
  int64_t ldx;
  void* y;
  Number y_number;
  int64_t ldy;
  float* y_scale;      // kU8: [rows]
  int32_t* y_zero;     // kU8: [rows]
  const float* gamma;  // [dim]
  const float* beta;   // [dim]
  int64_t rows, dim;
  float eps;
};

using LayerNormFn = void (*)(const LayerNormCall& call);

}  // namespace vitrine
