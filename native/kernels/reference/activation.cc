// activation.h by the formulas themselves, in double.
#include <cmath>

#include "reference.h"

namespace vitrine::reference {

double ActivateOne(Activation activation, double x) {
  constexpr double kHalfRoot = 0.70710678118654752440;     // 1/√2
  constexpr double kRoot2OverPi = 0.79788456080286535588;  // √(2/π)
  // Where a factor underflows to 0 the product with -∞ would be NaN; the limit is 0.
  const auto gate = [x](double factor) { return factor == 0 ? -0.0 : x * factor; };
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return gate(0.5 * std::erfc(-x * kHalfRoot));
    // 1 + tanh(u) = 2·σ(2u), which keeps its digits where tanh(u) is near -1
    case Activation::kGeluTanh:
      return gate(1 / (1 + std::exp(-2 * kRoot2OverPi * (x + 0.044715 * x * x * x))));
    case Activation::kQuickGelu:
      return gate(1 / (1 + std::exp(-1.702 * x)));
    case Activation::kRelu:
      return x < 0 ? 0 : x;
    case Activation::kSilu:
      return gate(1 / (1 + std::exp(-x)));
    case Activation::kTanh:
      return std::tanh(x);
  }
  return x;
}

void Activate(Activation activation, const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = float(ActivateOne(activation, x[i]));
}

}  // namespace vitrine::reference
