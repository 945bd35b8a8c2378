// gemm.h as three nested loops: panels of two columns, tiles of one row, sums in double.
#include "reference.h"

namespace vitrine::reference {
namespace {

double Sum(const GemmCall& call, int64_t m, int64_t column) {
  const float* a = call.a + m * call.lda;
  const float* panel = call.panels + column / kColumns * call.k * kColumns + column % kColumns;
  double sum = 0;
  for (int64_t k = 0; k < call.k; k++) sum += double(a[k]) * double(panel[k * kColumns]);
  return sum + (call.bias != nullptr ? call.bias[column] : 0);
}

void PackPanel(const float* const* rows, int64_t k, float* panel) {
  for (int64_t i = 0; i < k; i++)
    for (int64_t n = 0; n < kColumns; n++) panel[i * kColumns + n] = rows[n] != nullptr ? rows[n][i] : 0;
}

void Run(const GemmCall& call) {
  for (int64_t m = call.row_begin; m < call.row_end; m++) {
    float* c = call.c + m * call.ldc;
    for (int64_t p = call.panel_begin; p < call.panel_end; p++) {
      if (call.epilogue == Epilogue::kGlu) {
        c[p] = float(ActivateOne(call.activation, Sum(call, m, 2 * p)) * Sum(call, m, 2 * p + 1));
        continue;
      }
      for (int64_t n = p * kColumns; n < (p + 1) * kColumns; n++) {
        const double sum = Sum(call, m, n);
        if (call.epilogue == Epilogue::kResidual) {
          c[n] = float(c[n] + (call.scale != nullptr ? call.scale[n] : 1) * sum);
        } else {
          c[n] = float(ActivateOne(call.activation, sum));
        }
      }
    }
  }
}

}  // namespace

const Gemm kGemm = {.rows = 1, .columns = int32_t(kColumns), .pack_panel = PackPanel, .run = Run};

}  // namespace vitrine::reference
