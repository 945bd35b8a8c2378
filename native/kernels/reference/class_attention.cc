// class_attention.h by its formula, sums in double.
#include <cmath>

#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {
namespace {

int64_t ScratchBytes(int64_t tokens, int64_t, int64_t) { return (tokens * int64_t(sizeof(double)) + 63) / 64 * 64; }

void Run(const ClassAttentionCall& call) {
  auto* weights = static_cast<double*>(call.scratch);
  for (int64_t h = 0; h < call.heads; h++) {
    double maximum = -INFINITY, sum = 0;
    for (int64_t t = 0; t < call.tokens; t++) {
      double dot = 0;
      for (int64_t d = 0; d < call.dim; d++) dot += double(call.x[t * call.ldx + d]) * double(call.u[h * call.ldu + d]);
      weights[t] = dot * double(call.scale) + (call.key_bias != nullptr ? double(call.key_bias[t]) : 0);
      maximum = weights[t] > maximum ? weights[t] : maximum;
    }
    for (int64_t t = 0; t < call.tokens; t++) sum += weights[t] = std::exp(weights[t] - maximum);
    for (int64_t t = 0; t < call.tokens; t++) weights[t] /= sum;
    for (int64_t t = 0; t < call.tokens && call.weights != nullptr; t++) call.weights[h * call.tokens + t] = float(weights[t]);
    if (call.out == nullptr) continue;
    for (int64_t d = 0; d < call.dim; d++) {
      double mean = 0;
      for (int64_t t = 0; t < call.tokens; t++) mean += weights[t] * double(call.x[t * call.ldx + d]);
      PutValue(call.out, call.out_number, h * call.ldo + d, mean);
    }
    if (call.out_number == Number::kBf16 && call.dim % 2 != 0) PutValue(call.out, call.out_number, h * call.ldo + call.dim, 0);
  }
}

}  // namespace

const ClassAttention kClassAttention = {.scratch_bytes = ScratchBytes, .run = Run};

}  // namespace vitrine::reference
