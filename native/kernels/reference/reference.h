// The plain kernels, gathered by reference/table.cc. They are the oracle of the kernel tests and VITRINE_ISA=reference.
#pragma once

#include "../kernels.h"

namespace vitrine::reference {

// In double, rounded once by the caller.
double ActivateOne(Activation activation, double x);

void Activate(Activation activation, const float* x, float* y, int64_t count);
void LayerNorm(const LayerNormCall& call);
void Quantize(const QuantizeCall& call);
void QuantizeWeights(const QuantizeWeightsCall& call);
void QuantizeRow(const float* x, int64_t dim, uint8_t* y, float* scale, int32_t* zero);

// Two columns a panel: the fewest that kGlu allows.
inline constexpr int64_t kColumns = 2;
extern const Resample kResample;
extern const Gemm kGemm, kGemmBf16, kGemmInt8;
extern const PatchEmbed kPatchEmbed, kPatchEmbedBf16;
extern const Attention kAttention, kAttentionBf16;
extern const ClassAttention kClassAttention;

}  // namespace vitrine::reference
