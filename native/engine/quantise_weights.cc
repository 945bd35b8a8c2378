// Scales by squared error, and the fold between LayerNorm and weights, behind quantise_weights.h.
#include "quantise_weights.h"

#include <algorithm>
#include <cmath>

namespace vitrine {
namespace {

constexpr float kShares[] = {1.0f, 0.93f, 0.86f, 0.79f, 0.72f};  // of the largest weight, that 127 stands for

// Nearest, halves to even, for |x| < 2²²
float Nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

float SquaredError(const float* w, int64_t k, float scale) {
  const float inverse = 1 / scale;
  float sums[8] = {};
  for (int64_t first = 0; first < k; first += 8) {
    const int64_t count = std::min<int64_t>(8, k - first);
    for (int64_t i = 0; i < count; i++) {
      const float q = std::min(std::max(Nearest(w[first + i] * inverse), -127.0f), 127.0f);
      const float error = w[first + i] - q * scale;
      sums[i] += error * error;
    }
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

void QuantiseRow(const float* w, int64_t k, int8_t* q, float* scale, int32_t* sum) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < k; i++) {
    largest = std::max(largest, std::abs(w[i]));
    finite = finite && std::isfinite(w[i]);
  }
  *sum = 0;
  if (!finite || !(largest > 1e-30f)) {
    *scale = finite ? 1.0f : std::nanf("");  // NaN in a weight is NaN in its column
    for (int64_t i = 0; i < k; i++) q[i] = 0;
    return;
  }
  float best = largest / 127, least = INFINITY;
  for (const float share : kShares) {
    const float candidate = largest * share / 127, error = SquaredError(w, k, candidate);
    if (error < least) least = error, best = candidate;
  }
  *scale = best;
  for (int64_t i = 0; i < k; i++) {
    const float value = std::min(std::max(Nearest(w[i] * (1 / best)), -127.0f), 127.0f);
    q[i] = int8_t(value);
    *sum += q[i];
  }
}

void FoldScales(const float* gamma, const float* beta, int64_t k, float* fold) {
  for (int64_t i = 0; i < k; i++) {
    const float activation = std::abs(beta[i]) + 2 * std::abs(gamma[i]), weight = fold[i];
    const float scale = std::sqrt(activation / weight);
    fold[i] = std::isfinite(scale) && scale > 1e-6f && scale < 1e6f ? scale : 1.0f;
  }
}

}  // namespace vitrine
