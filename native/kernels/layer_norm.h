// Contract: LayerNorm over rows. Before it: patch_embed.h; after it: gemm.h.
#pragma once

#include <cstdint>

namespace vitrine {

// y[m,d] = (x[m,d] − mean_m) / √(var_m + eps) · gamma[d] + beta[d], var biased, two passes in fp32 (torch.nn.LayerNorm).
// x and y have row strides ldx, ldy ≥ dim; y may be x. Nothing beyond column dim is read into a sum or written.
struct LayerNormCall {
  const float* x;
  int64_t ldx;
  float* y;
  int64_t ldy;
  const float* gamma;  // [dim]
  const float* beta;   // [dim]
  int64_t rows, dim;
  float eps;
};

using LayerNormFn = void (*)(const LayerNormCall& call);

}  // namespace vitrine
