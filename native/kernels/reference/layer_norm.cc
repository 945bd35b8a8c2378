// layer_norm.h by its formula, sums in double.
#include <cmath>

#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {

void LayerNorm(const LayerNormCall& call) {
  for (int64_t m = 0; m < call.rows; m++) {
    const float* x = call.x + m * call.ldx;
    double sum = 0, squares = 0;
    for (int64_t d = 0; d < call.dim; d++) sum += x[d];
    const double mean = sum / double(call.dim);
    for (int64_t d = 0; d < call.dim; d++) squares += (x[d] - mean) * (x[d] - mean);
    const double inverse = 1 / std::sqrt(squares / double(call.dim) + double(call.eps));
    const auto normal = [&](int64_t d) { return (x[d] - mean) * inverse * call.gamma[d] + call.beta[d]; };
    if (call.y_number == Number::kU8) {
      auto* row = new float[size_t(call.dim)];
      for (int64_t d = 0; d < call.dim; d++) row[d] = float(normal(d));
      QuantizeRow(row, call.dim, static_cast<uint8_t*>(call.y) + m * call.ldy, call.y_scale + m, call.y_zero + m);
      delete[] row;
      continue;
    }
    for (int64_t d = 0; d < call.dim; d++) PutValue(call.y, call.y_number, m * call.ldy + d, normal(d));
    if (call.y_number == Number::kBf16 && call.dim % 2 != 0) PutValue(call.y, call.y_number, m * call.ldy + call.dim, 0);
  }
}

}  // namespace vitrine::reference
