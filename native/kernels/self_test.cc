// The known product behind self_test.h.
#include "self_test.h"

namespace vitrine {
namespace {

constexpr int kInner = 71;  // 17 units of four and a tail
constexpr int kMostRows = 32, kMostColumns = 64;
constexpr int kStride = 72;

// Sums stay below 2²⁴ and are exact as floats: 71 · 255 · 128, twice for the zero point.
struct Known {
  alignas(64) uint8_t a[kMostRows * kStride] = {};
  int8_t w[kMostColumns][kInner];
  int32_t zero[kMostRows], column_sum[kMostColumns] = {};
  float ones[kMostColumns];

  // Row 0 and columns 0 and 1 have the largest sums that there are; the rest draws from extremes and ordinary numbers.
  Known() {
    constexpr uint8_t bytes[] = {0, 255, 1, 254, 128, 127, 37, 200};
    constexpr int8_t weights[] = {-128, 127, -127, 126, -1, 1, 0, 53};
    uint32_t seed = 1;
    const auto draw = [&seed] { return (seed = seed * 1664525u + 1013904223u) >> 29; };
    for (int m = 0; m < kMostRows; m++) {
      for (int k = 0; k < kInner; k++) a[m * kStride + k] = m == 0 ? uint8_t{255} : bytes[draw()];
      zero[m] = m == 0 ? 0 : bytes[draw()];
    }
    for (int n = 0; n < kMostColumns; n++) {
      for (int k = 0; k < kInner; k++) {
        w[n][k] = n == 0 ? int8_t{-128} : n == 1 ? int8_t{127} : weights[draw()];
        column_sum[n] += w[n][k];
      }
      ones[n] = 1;
    }
  }

  int32_t Sum(int m, int n) const {
    int32_t sum = -zero[m] * column_sum[n];
    for (int k = 0; k < kInner; k++) sum += int32_t{a[m * kStride + k]} * w[n][k];
    return sum;
  }
};

}  // namespace

std::string FaultOfByteGemm(const Gemm& gemm) {
  const int rows = gemm.rows + 1, columns = gemm.columns;
  alignas(64) char panel[kMostColumns * kStride];
  if (rows > kMostRows || columns > kMostColumns || gemm.panel_bytes(kInner) > int64_t(sizeof panel)) {
    return "its tile of " + std::to_string(gemm.rows) + "×" + std::to_string(columns) + " is larger than the self-test";
  }
  const Known known;
  const void* weights[kMostColumns];
  for (int n = 0; n < columns; n++) weights[n] = known.w[n];
  gemm.pack_panel(weights, kInner, panel);

  alignas(64) float c[kMostRows * kMostColumns];
  gemm.run({.a = known.a,
            .lda = kStride,
            .a_scale = known.ones,
            .a_zero = known.zero,
            .panels = panel,
            .column_scale = known.ones,
            .column_sum = known.column_sum,
            .bias = nullptr,
            .scale = nullptr,
            .c = c,
            .c_number = Number::kF32,
            .ldc = columns,
            .k = kInner,
            .row_begin = 0,
            .row_end = rows,
            .panel_begin = 0,
            .panel_end = 1,
            .epilogue = Epilogue::kStore,
            .activation = Activation::kNone});
  for (int m = 0; m < rows; m++) {
    for (int n = 0; n < columns; n++) {
      const auto expected = float(known.Sum(m, n));
      if (c[m * columns + n] == expected) continue;
      return "a known product of bytes was " + std::to_string(c[m * columns + n]) + " instead of " + std::to_string(expected) + " in row " +
             std::to_string(m) + ", column " + std::to_string(n);
    }
  }
  return {};
}

}  // namespace vitrine
