// Contract: element-wise activations, applied in the epilogues of gemm.h and to the small vectors of a pooler head.
#pragma once

#include <cstdint>

namespace vitrine {

// Formulas as the reference libraries write them (torch.nn.functional, transformers/activations.py):
//   gelu            x/2 · (1 + erf(x/√2))      relative error ≤ 4e-6 for x > -9 (erfc, so the negative tail keeps its digits)
//   gelu_tanh       x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
//   quick_gelu      x · σ(1.702·x)
//   relu            max(x, 0)
//   silu            x · σ(x)
//   tanh
// NaN goes through every one of them; ±infinity gives the limit (0 or infinity, ±1 for tanh), never NaN where the limit exists.
enum class Activation : uint8_t { kNone, kGelu, kGeluTanh, kQuickGelu, kRelu, kSilu, kTanh };

// y[i] = activation(x[i]), i < count; y may be x.
using ActivateFn = void (*)(Activation activation, const float* x, float* y, int64_t count);

}  // namespace vitrine
