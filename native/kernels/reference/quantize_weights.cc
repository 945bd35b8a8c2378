// quantize_weights.h as plain loops, in float where the contract fixes the bits.
#include <cmath>

#include "reference.h"

namespace vitrine::reference {
namespace {

float NearestByte(float x, float inverse) { return std::fmin(std::fmax(std::nearbyint(x * inverse), -127.0f), 127.0f); }

float SquaredError(const float* x, int64_t k, float scale) {
  float sums[kWeightErrorLanes] = {};
  for (int64_t i = 0; i < k; i++) {
    const float error = x[i] - NearestByte(x[i], 1 / scale) * scale;
    sums[i % kWeightErrorLanes] += error * error;
  }
  for (int half = kWeightErrorLanes / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) sums[j] += sums[j + half];
  return sums[0];
}

}  // namespace

void QuantizeWeights(const QuantizeWeightsCall& call) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < call.k; i++) {
    if (call.fold != nullptr) call.w[i] *= call.fold[i];
    largest = std::fmax(largest, std::fabs(call.w[i]));
    finite = finite && std::isfinite(call.w[i]);
  }
  *call.sum = 0;
  if (!finite || !(largest > 1e-30f)) {
    *call.scale = finite ? 1.0f : std::nanf("");
    for (int64_t i = 0; i < call.k; i++) call.q[i] = 0;
    return;
  }
  float least = INFINITY;
  *call.scale = largest / 127;
  for (const float share : kWeightShares) {
    const float candidate = largest * share / 127, error = SquaredError(call.w, call.k, candidate);
    if (error < least) least = error, *call.scale = candidate;
  }
  for (int64_t i = 0; i < call.k; i++) {
    call.q[i] = int8_t(NearestByte(call.w[i], 1 / *call.scale));
    *call.sum += call.q[i];
  }
}

}  // namespace vitrine::reference
