// Contract: attention of one query row over all heads without keys or values: softmax(x·u_h·scale + bias), and the mean of the tokens by
// it. With u_h = Wk_hᵀ·q_h these are the weights that attention.h would give the query (the key's bias adds the same to every score), and
// Wv_h·(mean of the tokens) + bv is its result. Before it: gemm.h (u); after it: gemm.h (values).
// Letters: T tokens, D width, H heads, all of any size.
#pragma once

#include <cstdint>

#include "number.h"

namespace vitrine {

// Accumulators fp32; every score is one chain over the channels, every sum over tokens runs upwards. A head alone has the bits that it has
// among others. Softmax subtracts the maximum. Nothing beyond column D of x and u is read into a sum.
struct ClassAttentionCall {
  const float* x;  // [T, D], row stride ldx
  int64_t ldx;
  const float* u;  // [H, D], row stride ldu
  int64_t ldu;
  int64_t tokens, dim, heads;
  float scale;            // of the scores; 1/√(head dim) as a rule
  const float* key_bias;  // [T] added to the scaled scores of every head, -∞ allowed; null: none
  float* weights;         // [H, T]: the softmax; null: not wanted
  void* out;          // [H, D]: Σₜ weight[t]·x[t], row stride ldo ≥ D in whole units, padded with zeros to these; null: not wanted
  Number out_number;  // kF32 or kBf16, rounded to nearest even
  int64_t ldo;
  void* scratch;  // scratch_bytes(T, D, H), 64-byte aligned, of this thread alone
};

struct ClassAttention {
  int64_t (*scratch_bytes)(int64_t tokens, int64_t dim, int64_t heads);
  void (*run)(const ClassAttentionCall& call);
};

}  // namespace vitrine
