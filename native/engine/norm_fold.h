// Scales between a LayerNorm and the int8 weights that read it, without calibration data. Before it: weights.cc, which multiplies columns
// of weights and divides the norm's parameters by them; after it: kernels/quantize_weights.h.
#pragma once

#include <cstdint>

namespace vitrine {

// largest[i] = max(largest[i], |row[i]|)
void RaiseToLargest(const float* row, int64_t k, float* largest);

// In: fold[k] = largest |weight| of column k. Out: what column k of the weights is multiplied by, and LayerNorm's gamma and beta divided,
// so that neither a strong channel of the norm nor a strong column of weights takes the whole range of its bytes: √(|beta| + 2·|gamma|,
// what the norm gives at most, as a rule) against √(the weight), as SmoothQuant (Xiao et al. 2023) does with measured activations.
void FoldScales(const float* gamma, const float* beta, int64_t k, float* fold);

}  // namespace vitrine
