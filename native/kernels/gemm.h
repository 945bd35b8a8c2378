// Contract: fp32 matrix product with prepacked weights and a fused epilogue. Before it: layer_norm.h; after it: attention.h.
// Letters: M rows, N output columns, K inner length, NR = Gemm::columns, P = ceil(N / NR) panels.
#pragma once

#include <cstdint>

#include "activation.h"

namespace vitrine {

// What becomes of sum = Σₖ a[m,k]·w[n,k] + bias[n] (fp32, k ascending, one accumulator per element: the order depends on K alone, never
// on M, on the rows or panels of the call or on the thread count, so a row alone has the bits that it has in a full tile).
enum class Epilogue : uint8_t {
  kStore,     // c[m,n]  = activation(sum)
  kResidual,  // c[m,n] += scale[n] · sum          (scale null: 1)
  kGlu,       // panels hold NR/2 gate columns, then NR/2 value columns: c[m, p·NR/2 + j] = activation(gate_j) · value_j
};

// Every pointer is to memory that the caller owns. c may not overlap a. Panels are 64-byte aligned; a and c are 4-byte aligned.
struct GemmCall {
  const float* a;  // [M,K], row stride lda ≥ K
  int64_t lda;
  const float* panels;  // P panels, each [K][NR], as pack_panel wrote them
  const float* bias;    // [P·NR] in packed column order, or null
  const float* scale;   // kResidual: [P·NR] LayerScale, or null
  float* c;             // row stride ldc; columns up to the last panel's end are written, so ldc ≥ P·NR (kGlu: P·NR/2)
  int64_t ldc;
  int64_t k;
  int64_t row_begin, row_end;      // which rows of a and c this call computes
  int64_t panel_begin, panel_end;  // which panels
  Epilogue epilogue;
  Activation activation;  // kStore, kGlu
};

// A kernel travels with its packing: overridden as a whole, so panels and tile can never disagree.
struct Gemm {
  int32_t rows;     // MR: rows of the register tile; rows of a call are split evenly into ceil(rows / MR) tiles
  int32_t columns;  // NR: columns of a panel; even
  // rows[NR]: the K weights of each column (null: zeros) → panel[K][NR]
  void (*pack_panel)(const float* const* rows, int64_t k, float* panel);
  void (*run)(const GemmCall& call);
};

}  // namespace vitrine
