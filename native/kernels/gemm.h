// Contract: matrix product with prepacked weights and a fused epilogue, in fp32, bf16 or int8. Before it: layer_norm.h; after it:
// attention.h. Letters: M rows, N output columns, K inner length, NR = Gemm::columns, P = ceil(N / NR) panels.
#pragma once

#include <cstdint>

#include "activation.h"
#include "number.h"

namespace vitrine {

// What becomes of sum = Σₖ a[m,k]·w[n,k] + bias[n]. fp32 and bf16: fp32 accumulators, k ascending, one chain per element; of the
// kResidual of floats beyond K = 768 a chain for each of equal parts of K, added to c one after the other. int8: the sum of
// bytes times weights is exact in int32 (K ≤ 65536) and becomes float once: a_scale[m]·column_scale[n]·(Σ − a_zero[m]·column_sum[n]).
// The order depends on K alone, never on M, on the rows or panels of the call or on the thread count, so a row alone has the bits that it
// has in a full tile; and int32 sums are the same on every instruction set.
enum class Epilogue : uint8_t {
  kStore,     // c[m,n]  = activation(sum)
  kResidual,  // c[m,n] += scale[n] · sum          (scale null: 1); c is kF32
  kGlu,       // panels hold NR/2 gate columns, then NR/2 value columns: c[m, p·NR/2 + j] = activation(gate_j) · value_j
};

// Every pointer is to memory that the caller owns. c may not overlap a. Panels are 64-byte aligned; rows of a begin at multiples of 4
// bytes; rows of c at multiples of their values.
struct GemmCall {
  const void* a;  // [M,K] of Gemm::input, row stride lda ≥ K values, a multiple of its unit; zeros up to whole units
  int64_t lda;
  const float* a_scale;  // kU8: [M]
  const int32_t* a_zero;
  const void* panels;         // P panels of Gemm::panel_bytes(K), as pack_panel wrote them
  const float* column_scale;  // kU8: [P·NR] in packed column order, as bias
  const int32_t* column_sum;  // kU8: [P·NR], Σₖ of the quantised weights
  const float* bias;          // [P·NR] in packed column order, or null
  const float* scale;         // kResidual: [P·NR] LayerScale, or null
  void* c;                    // row stride ldc; columns up to the last panel's end are written, so ldc ≥ P·NR (kGlu: P·NR/2)
  Number c_number;            // kF32 or kBf16, rounded to nearest even; activations of a bf16 result may err by 2⁻¹⁰ of it, gelu
                              // by 2e-4, or 2⁻⁹ of it where |x| ≤ ¼
  int64_t ldc;
  int64_t k;
  int64_t row_begin, row_end;      // which rows of a and c this call computes
  int64_t panel_begin, panel_end;  // which panels
  Epilogue epilogue;
  Activation activation;  // kStore, kGlu
};

// Products of pairs of rows and of panels by one level of Strassen's algorithm in Winograd's form (Strassen, Gaussian elimination is
// not optimal, 1969; Winograd, On multiplication of 2×2 matrices, 1971): 7/8 of the multiplications. Halves of (a part of) K, a pair of
// rows and a pair of panels make the 2×2; which row is whose partner is the caller's choice, and a pair has the same bits whatever is
// computed beside it. Floats: rounding is as large as that of the larger row or panel of a pair (|error| ≲ 8·√K·ε·|rows|·|panels|), NaN and
// ∞ of a row may reach its partner. Where the number of rows is odd, the first has no partner, and the bits of Gemm::run. Bytes: exact, all
// rows have those.
struct PairCall {
  GemmCall gemm;        // kF32: K even, kU8: a multiple of 8; panels: of the first half, whose partners lie panel_count / 2 behind them
  int64_t panel_count;  // P, even
  void* scratch;        // Gemm::pair_scratch_bytes(K, rows), 64-byte aligned, of this thread alone
};

// A kernel travels with its packing: overridden as a whole, so panels and tile can never disagree.
struct Gemm {
  int32_t rows;     // MR: rows of the register tile; rows of a call are split evenly into ceil(rows / MR) tiles
  int32_t columns;  // NR: columns of a panel; even; the same for all precisions of an ISA
  Number input;     // what it multiplies: gemm kF32; gemm_bf16 kBf16, or kF32 where weights alone are stored so; gemm_int8 kU8
  int64_t (*panel_bytes)(int64_t k);  // a multiple of 64
  // rows[NR]: the K weights of each column (null: zeros), floats or, of gemm_int8, int8_t → panel
  void (*pack_panel)(const void* const* rows, int64_t k, void* panel);
  void (*run)(const GemmCall& call);
  // Null: there is none for these numbers.
  int64_t (*pair_scratch_bytes)(int64_t k, int64_t rows) = nullptr;
  void (*run_pairs)(const PairCall& call) = nullptr;
};

}  // namespace vitrine
