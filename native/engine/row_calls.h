// Kernel calls over rows of matrices, on the calling thread. Before it: stages.h, which cuts a team's work into such calls, and block.h,
// which runs them one after another on rows that stay in cache; after it: the kernels.
#pragma once

#include <algorithm>

#include "../kernels/kernels.h"
#include "profile.h"
#include "row_set.h"
#include "weights.h"

namespace vitrine {

// A row-major matrix. The stride is in values.
struct Matrix {
  void* data = nullptr;
  int64_t stride = 0;
  Number number = Number::kF32;
  float* scale = nullptr;   // kU8: of each row
  int32_t* zero = nullptr;  // kU8
  std::byte* bytes(int64_t row, int64_t column = 0) const {
    return static_cast<std::byte*>(data) + (row * stride + column) * BytesOf(number);
  }
  // kF32
  float* row(int64_t index) const { return static_cast<float*>(data) + index * stride; }
  // The rows from `first` on, counted from 0.
  Matrix From(int64_t first) const {
    return {bytes(first), stride, number, scale != nullptr ? scale + first : nullptr, zero != nullptr ? zero + first : nullptr};
  }
};

struct PanelRange {
  int64_t begin, end;
};
inline PanelRange AllPanels(const PackedLinear& linear) { return {0, linear.panel_count}; }

// y[rows] = LayerNorm(x[rows]), as y's numbers; y may be x where these are floats.
inline void NormRows(const Kernels& kernels, const PackedNorm& norm, float eps, int64_t dim, Matrix x, Matrix y, RowRange rows) {
  const Timed timed(Stage::kNorm);
  kernels.layer_norm({.x = x.row(rows.begin),
                      .ldx = x.stride,
                      .y = y.bytes(rows.begin),
                      .y_number = y.number,
                      .ldy = y.stride,
                      .y_scale = y.number == Number::kU8 ? y.scale + rows.begin : nullptr,
                      .y_zero = y.number == Number::kU8 ? y.zero + rows.begin : nullptr,
                      .gamma = norm.gamma,
                      .beta = norm.beta,
                      .rows = rows.size(),
                      .dim = dim,
                      .eps = eps});
}

// y[rows] = x[rows] as bytes.
inline void QuantizeRows(const Kernels& kernels, Matrix x, int64_t dim, Matrix y, RowRange rows) {
  const Timed timed(Stage::kQuantize);
  kernels.quantize({.x = x.bytes(rows.begin),
                    .x_number = x.number,
                    .ldx = x.stride,
                    .y = reinterpret_cast<uint8_t*>(y.bytes(rows.begin)),
                    .ldy = y.stride,
                    .scale = y.scale + rows.begin,
                    .zero = y.zero + rows.begin,
                    .rows = rows.size(),
                    .dim = dim});
}

// Rows of a times panels of `linear` into c, as the epilogue says. c's rows are wide enough for whole panels.
struct Product {
  Stage stage;
  const PackedLinear& linear;
  Matrix a, c;
  Epilogue epilogue;
  Activation activation = Activation::kNone;

  GemmCall Call(RowRange rows, PanelRange panels) const {
    return {.a = a.data,
            .lda = a.stride,
            .a_scale = a.scale,
            .a_zero = a.zero,
            .panels = linear.panels,
            .column_scale = linear.column_scale,
            .column_sum = linear.column_sum,
            .bias = linear.bias,
            .scale = linear.scale,
            .c = c.data,
            .c_number = c.number,
            .ldc = c.stride,
            .k = linear.k,
            .row_begin = rows.begin,
            .row_end = rows.end,
            .panel_begin = panels.begin,
            .panel_end = panels.end,
            .epilogue = epilogue,
            .activation = activation};
  }
  // Multiplications and additions, of the plain way
  int64_t Operations(RowRange rows, PanelRange panels) const {
    return 2 * rows.size() * (panels.end - panels.begin) * linear.gemm->columns * linear.k;
  }
};

inline void MultiplyRows(const Product& product, RowRange rows, PanelRange panels) {
  const Timed timed(product.stage, product.Operations(rows, panels));
  product.linear.gemm->run(product.Call(rows, panels));
}

// The same of a product in pairs, which are (first, first + 1), …: rows before the first pair and an odd one behind the last are alone.
// Rows that begin behind `first` begin with a pair. Panels: of the first half, each with its partner. `scratch`: as much as
// PairScratchBytes says.
inline void MultiplyPairs(const Product& product, RowRange rows, int64_t first, PanelRange panels, void* scratch) {
  const int64_t half = product.linear.panel_count / 2;
  const PanelRange partners{panels.begin + half, panels.end + half};
  const Timed timed(product.stage, 2 * product.Operations(rows, panels));
  const auto alone = [&](RowRange range) {
    if (range.size() <= 0) return;
    product.linear.gemm->run(product.Call(range, panels));
    product.linear.gemm->run(product.Call(range, partners));
  };
  first = std::max(first, rows.begin);
  const int64_t pairs = (rows.end - first) / 2;
  if (pairs <= 0) return alone(rows);
  // The row before the pairs goes with them, at less cost than alone.
  const RowRange with_pairs{first > rows.begin ? first - 1 : first, first + 2 * pairs};
  alone({rows.begin, with_pairs.begin});
  product.linear.gemm->run_pairs({product.Call(with_pairs, panels), product.linear.panel_count, scratch});
  alone({with_pairs.end, rows.end});
}
inline int64_t PairScratchBytes(const PackedLinear& linear, int64_t rows) {
  return linear.in_pairs ? linear.gemm->pair_scratch_bytes(linear.k, rows) : 0;
}

}  // namespace vitrine
