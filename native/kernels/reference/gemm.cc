// gemm.h as three nested loops: panels of two columns, tiles of one row, sums in double (of bytes: in int64).
#include <cmath>

#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {
namespace {

// Panels are [K][kColumns] of what the weights are stored as.
double Sum(const GemmCall& call, Number number, int64_t m, int64_t column) {
  const int64_t at = column / kColumns * call.k * kColumns + column % kColumns;
  const double bias = call.bias != nullptr ? call.bias[column] : 0;
  if (number == Number::kU8) {
    const auto* a = static_cast<const uint8_t*>(call.a) + m * call.lda;
    const auto* panel = static_cast<const int8_t*>(call.panels) + at;
    int64_t sum = 0;
    for (int64_t k = 0; k < call.k; k++) sum += int64_t(a[k]) * panel[k * kColumns];
    return double(call.a_scale[m]) * double(call.column_scale[column]) * double(sum - int64_t(call.a_zero[m]) * call.column_sum[column]) +
           bias;
  }
  double sum = 0;
  for (int64_t k = 0; k < call.k; k++) sum += ValueAt(call.a, number, m * call.lda + k) * ValueAt(call.panels, number, at + k * kColumns);
  return sum + bias;
}

template <Number number>
int64_t PanelBytes(int64_t k) {
  return k * kColumns * BytesOf(number);
}

template <Number number>
void PackPanel(const void* const* rows, int64_t k, void* panel) {
  for (int64_t i = 0; i < k; i++) {
    for (int64_t n = 0; n < kColumns; n++) {
      const int64_t at = i * kColumns + n;
      if (number == Number::kU8) {
        static_cast<int8_t*>(panel)[at] = rows[n] != nullptr ? static_cast<const int8_t*>(rows[n])[i] : int8_t{0};
      } else {
        PutValue(panel, number, at, rows[n] != nullptr ? static_cast<const float*>(rows[n])[i] : 0);
      }
    }
  }
}

template <Number number>
void Run(const GemmCall& call) {
  for (int64_t m = call.row_begin; m < call.row_end; m++) {
    for (int64_t p = call.panel_begin; p < call.panel_end; p++) {
      if (call.epilogue == Epilogue::kGlu) {
        PutValue(call.c, call.c_number, m * call.ldc + p,
                 ActivateOne(call.activation, Sum(call, number, m, 2 * p)) * Sum(call, number, m, 2 * p + 1));
        continue;
      }
      for (int64_t n = p * kColumns; n < (p + 1) * kColumns; n++) {
        const double sum = Sum(call, number, m, n);
        if (call.epilogue == Epilogue::kResidual) {
          float& c = static_cast<float*>(call.c)[m * call.ldc + n];
          c = float(c + (call.scale != nullptr ? call.scale[n] : 1) * sum);
        } else {
          PutValue(call.c, call.c_number, m * call.ldc + n, ActivateOne(call.activation, sum));
        }
      }
    }
  }
}

// Pairs in no other way: each row by itself.
void RunPairs(const PairCall& call) {
  GemmCall half = call.gemm;
  Run<Number::kF32>(half);
  half.panel_begin += call.panel_count / 2, half.panel_end += call.panel_count / 2;
  Run<Number::kF32>(half);
}

template <Number number>
constexpr Gemm Plain() {
  return {.rows = 1,
          .columns = int32_t(kColumns),
          .input = number,
          .panel_bytes = PanelBytes<number>,
          .pack_panel = PackPanel<number>,
          .run = Run<number>};
}

constexpr Gemm InPairs() {
  Gemm gemm = Plain<Number::kF32>();
  gemm.pair_scratch_bytes = [](int64_t, int64_t) { return int64_t{0}; };
  gemm.run_pairs = RunPairs;
  return gemm;
}

}  // namespace

const Gemm kGemm = InPairs();
const Gemm kGemmBf16 = Plain<Number::kBf16>();
const Gemm kGemmInt8 = Plain<Number::kU8>();

}  // namespace vitrine::reference
