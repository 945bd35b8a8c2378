// quantize.h by its formulas.
#include <cmath>

#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {

void QuantizeRow(const float* x, int64_t dim, uint8_t* y, float* scale, int32_t* zero) {
  float low = 0, high = 0;
  bool finite = true;
  for (int64_t d = 0; d < dim; d++) {
    low = std::fmin(low, x[d]), high = std::fmax(high, x[d]);
    finite = finite && std::isfinite(x[d]);
  }
  for (int64_t d = dim; d < (dim + 3) / 4 * 4; d++) y[d] = 0;
  if (!finite || !(high - low < 3e38f)) {
    *scale = std::nanf(""), *zero = 0;
    for (int64_t d = 0; d < dim; d++) y[d] = 0;
    return;
  }
  *scale = high - low > 1e-30f ? (high - low) / 255 : 1;
  *zero = int32_t(-low / *scale + 0.5f);
  for (int64_t d = 0; d < dim; d++) {
    y[d] = uint8_t(std::fmin(std::fmax(std::nearbyint(double(x[d]) * double(1 / *scale) + *zero), 0.0), 255.0));
  }
}

void Quantize(const QuantizeCall& call) {
  auto* row = new float[size_t(call.dim)];
  for (int64_t m = 0; m < call.rows; m++) {
    for (int64_t d = 0; d < call.dim; d++) row[d] = float(ValueAt(call.x, call.x_number, m * call.ldx + d));
    QuantizeRow(row, call.dim, call.y + m * call.ldy, call.scale + m, call.zero + m);
  }
  delete[] row;
}

}  // namespace vitrine::reference
