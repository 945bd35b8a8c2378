// Weights → int8, without calibration data. Before it: weights.cc, which calls it panel by panel; after it: kernels/gemm.h. The same bits
// on every instruction set.
#pragma once

#include <cstdint>

namespace vitrine {

// scale · q[k] ≈ w[k], q in -127…127, `sum` = Σ q. Of a few scales, from the one that reaches the largest weight downwards, the one of
// least squared error. q may lie over w's own memory.
void QuantiseRow(const float* w, int64_t k, int8_t* q, float* scale, int32_t* sum);

// In: fold[k] = largest |weight| of column k. Out: what column k of the weights is multiplied by, and LayerNorm's gamma and beta divided,
// so that neither a strong channel of the norm nor a strong column of weights takes the whole range of its bytes: √(|beta| + 2·|gamma|,
// what the norm gives at most, as a rule) against √(the weight), as SmoothQuant (Xiao et al. 2023) does with measured activations.
void FoldScales(const float* gamma, const float* beta, int64_t k, float* fold);

}  // namespace vitrine
