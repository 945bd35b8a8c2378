// Contract: one row of weights → int8 with a scale, what gemm_int8's panels hold; without calibration data. Used while weights are packed
// (engine/weights.cc). After it: gemm.h.
#pragma once

#include <cstdint>

namespace vitrine {

// x[i] = w[i] · fold[i]. scale · q[i] ≈ x[i], q in -127…127 (round(x · (1 / scale)), halves to even), sum = Σ q. Of a few scales, from the
// one that reaches the largest |x| downwards, the one of least squared error. A row of zeros has the scale 1; one that holds NaN or
// infinity the scale NaN and bytes of 0.
// The choice is the same on every instruction set, bit for bit: products and sums are float, none fused, and the error is summed in
// kWeightErrorLanes chains, chain j over i ≡ j, that are then added in halves (j to j + 8, then 4, 2, 1).
struct QuantizeWeightsCall {
  float* w;           // [k]; holds x afterwards, or q where that lies over it
  const float* fold;  // [k], or null: 1
  int64_t k;          // ≤ 65536
  int8_t* q;          // [k]; may begin where w does
  float* scale;
  int32_t* sum;
};

constexpr int kWeightErrorLanes = 16;
constexpr float kWeightShares[] = {1.0f, 0.93f, 0.86f, 0.79f, 0.72f};  // of the largest weight, that 127 stands for
constexpr int kWeightShareCount = sizeof kWeightShares / sizeof *kWeightShares;

using QuantizeWeightsFn = void (*)(const QuantizeWeightsCall& call);

}  // namespace vitrine
