// Contract: softmax(q·kᵀ·scale + bias)·v for one head without a T×T matrix. Before it: gemm.h (QKV); after it: gemm.h (projection).
// Letters: T tokens, K head dim (any), both of any size.
#pragma once

#include <cstdint>

#include "number.h"

namespace vitrine {

// Rows [query_begin, query_end) of one head. Keys are walked in blocks of a size that depends on T and K alone (online softmax between
// blocks), so a query alone has the bits that it has among others. Accumulators fp32; softmax subtracts the running maximum.
struct AttentionCall {
  const void* q;  // query t's head slice at q + t·ldq, K values of Attention::input
  int64_t ldq;
  const void* key_panels;    // from pack
  const void* value_panels;  // from pack
  int64_t tokens, head_dim;
  int64_t query_begin, query_end;
  float scale;  // 1/√K as a rule
  // [T] added to the scaled scores of every query, -∞ allowed; null: nothing is added, at no cost. Only so many floats are read.
  const float* key_bias = nullptr;
  void* out;  // out + t·ldo, K values of Attention::input; its neighbours (other heads' columns) are never touched
  int64_t ldo;
  void* scratch;  // scratch_bytes(T, K), 64-byte aligned, of this thread alone
};

// `attention` reads and writes kF32; `attention_bf16` kBf16: products of bf16, sums and softmax in fp32, weights of the values rounded to
// bf16. `attention_int16` reads and writes kF32: products of int16, exact in int32, of queries and keys scaled by their largest channel
// (|error| ≤ √(K/2³¹) of it in each channel), of values by the largest of their channel (2⁻¹⁴ of it) and of weights (their sum over 5e5, or
// 2⁻¹⁶); softmax in fp32, powers of two within 7.5e-5. What is not finite gives NaN: a query in its row, a value in its channel, a key
// in all rows.
struct Attention {
  Number input;
  int64_t (*key_bytes)(int64_t tokens, int64_t head_dim);  // size of one head's key panels (multiples of 64)
  int64_t (*value_bytes)(int64_t tokens, int64_t head_dim);
  int64_t (*scratch_bytes)(int64_t tokens, int64_t head_dim);
  // k + t·ld, v + t·ld: K values each → panels of one head (64-byte aligned)
  void (*pack)(const void* k, const void* v, int64_t ld, int64_t tokens, int64_t head_dim, void* key_panels, void* value_panels);
  void (*run)(const AttentionCall& call);
  // The softmax weights of query_begin over all T keys → weights[T] (attention maps; call.out, ldo, value_panels, query_end unused).
  void (*weights)(const AttentionCall& call, float* weights);
};

}  // namespace vitrine
