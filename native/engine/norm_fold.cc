// The formula behind norm_fold.h.
#include "norm_fold.h"

#include <algorithm>
#include <cmath>

namespace vitrine {

void RaiseToLargest(const float* row, int64_t k, float* largest) {
  for (int64_t i = 0; i < k; i++) largest[i] = std::max(largest[i], std::abs(row[i]));
}

void FoldScales(const float* gamma, const float* beta, int64_t k, float* fold) {
  for (int64_t i = 0; i < k; i++) {
    const float activation = std::abs(beta[i]) + 2 * std::abs(gamma[i]), weight = fold[i];
    const float scale = std::sqrt(activation / weight);
    fold[i] = std::isfinite(scale) && scale > 1e-6f && scale < 1e6f ? scale : 1.0f;
  }
}

}  // namespace vitrine
