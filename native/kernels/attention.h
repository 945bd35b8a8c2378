// Contract: softmax(q·kᵀ·scale)·v for one head without a T×T matrix. Before it: gemm.h (QKV); after it: gemm.h (projection).
// Letters: T tokens, K head dim (any), both of any size.
#pragma once

#include <cstdint>

namespace vitrine {

// Rows [query_begin, query_end) of one head. Keys are walked in blocks of a size that depends on T and K alone (online softmax between
// blocks), so a query alone has the bits that it has among others. Accumulators fp32; softmax subtracts the running maximum.
struct AttentionCall {
  const float* q;  // query t's head slice at q + t·ldq, K floats
  int64_t ldq;
  const float* key_panels;    // from pack
  const float* value_panels;  // from pack
  int64_t tokens, head_dim;
  int64_t query_begin, query_end;
  float scale;  // 1/√K as a rule
  float* out;   // out + t·ldo, K floats; its neighbours (other heads' columns) are never touched
  int64_t ldo;
  float* scratch;  // scratch_floats(T, K) floats, 64-byte aligned, of this thread alone
};

struct Attention {
  int64_t (*key_floats)(int64_t tokens, int64_t head_dim);  // size of one head's key panels (multiples of 16 floats)
  int64_t (*value_floats)(int64_t tokens, int64_t head_dim);
  int64_t (*scratch_floats)(int64_t tokens, int64_t head_dim);
  // k + t·ld, v + t·ld: K floats each → panels of one head (64-byte aligned)
  void (*pack)(const float* k, const float* v, int64_t ld, int64_t tokens, int64_t head_dim, float* key_panels, float* value_panels);
  void (*run)(const AttentionCall& call);
  // The softmax weights of query_begin over all T keys → weights[T] (attention maps; call.out, ldo, value_panels, query_end unused).
  void (*weights)(const AttentionCall& call, float* weights);
};

}  // namespace vitrine
