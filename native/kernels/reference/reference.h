// The plain kernels, gathered by reference/table.cc. They are the oracle of the kernel tests and VITRINE_ISA=reference.
#pragma once

#include "../kernels.h"

namespace vitrine::reference {

// In double, rounded once by the caller.
double ActivateOne(Activation activation, double x);

void Activate(Activation activation, const float* x, float* y, int64_t count);
void LayerNorm(const LayerNormCall& call);

// Two columns a panel: the fewest that kGlu allows.
inline constexpr int64_t kColumns = 2;
extern const Resample kResample;
extern const Gemm kGemm;
extern const PatchEmbed kPatchEmbed;
extern const Attention kAttention;

}  // namespace vitrine::reference
