// layer_norm.h by its formula, sums in double.
#include <cmath>

#include "reference.h"

namespace vitrine::reference {

void LayerNorm(const LayerNormCall& call) {
  for (int64_t m = 0; m < call.rows; m++) {
    const float* x = call.x + m * call.ldx;
    float* y = call.y + m * call.ldy;
    double sum = 0, squares = 0;
    for (int64_t d = 0; d < call.dim; d++) sum += x[d];
    const double mean = sum / double(call.dim);
    for (int64_t d = 0; d < call.dim; d++) squares += (x[d] - mean) * (x[d] - mean);
    const double inverse = 1 / std::sqrt(squares / double(call.dim) + double(call.eps));
    for (int64_t d = 0; d < call.dim; d++) y[d] = float((x[d] - mean) * inverse * call.gamma[d] + call.beta[d]);
  }
}

}  // namespace vitrine::reference
