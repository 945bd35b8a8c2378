// attention.h in two passes over one row of scores in double. Panels are plain [T][K] copies.
#include <cmath>

#include "numbers.h"
#include "reference.h"

namespace vitrine::reference {
namespace {

template <Number number>
int64_t PanelBytes(int64_t tokens, int64_t head_dim) {
  return (tokens * head_dim * BytesOf(number) + 63) / 64 * 64;
}
int64_t ScratchBytes(int64_t tokens, int64_t) { return (tokens * int64_t(sizeof(double)) + 63) / 64 * 64; }

template <Number number>
void Pack(const void* k, const void* v, int64_t ld, int64_t tokens, int64_t head_dim, void* key_panels, void* value_panels) {
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t d = 0; d < head_dim; d++) {
      PutValue(key_panels, number, t * head_dim + d, ValueAt(k, number, t * ld + d));
      PutValue(value_panels, number, t * head_dim + d, ValueAt(v, number, t * ld + d));
    }
  }
}

// Softmax of one query's scores → weights[T]
template <Number number>
void Softmax(const AttentionCall& call, int64_t query, double* weights) {
  double maximum = -INFINITY, sum = 0;
  for (int64_t t = 0; t < call.tokens; t++) {
    double dot = 0;
    for (int64_t d = 0; d < call.head_dim; d++)
      dot += ValueAt(call.q, number, query * call.ldq + d) * ValueAt(call.key_panels, number, t * call.head_dim + d);
    weights[t] = dot * double(call.scale) + (call.key_bias != nullptr ? double(call.key_bias[t]) : 0);
    maximum = weights[t] > maximum ? weights[t] : maximum;
  }
  for (int64_t t = 0; t < call.tokens; t++) sum += weights[t] = std::exp(weights[t] - maximum);
  for (int64_t t = 0; t < call.tokens; t++) weights[t] /= sum;
}

template <Number number>
void Run(const AttentionCall& call) {
  auto* weights = static_cast<double*>(call.scratch);
  for (int64_t query = call.query_begin; query < call.query_end; query++) {
    Softmax<number>(call, query, weights);
    for (int64_t d = 0; d < call.head_dim; d++) {
      double sum = 0;
      for (int64_t t = 0; t < call.tokens; t++) sum += weights[t] * ValueAt(call.value_panels, number, t * call.head_dim + d);
      PutValue(call.out, number, query * call.ldo + d, sum);
    }
  }
}

template <Number number>
void Weights(const AttentionCall& call, float* out) {
  auto* weights = static_cast<double*>(call.scratch);
  Softmax<number>(call, call.query_begin, weights);
  for (int64_t t = 0; t < call.tokens; t++) out[t] = float(weights[t]);
}

template <Number number>
constexpr Attention Plain() {
  return {.input = number,
          .key_bytes = PanelBytes<number>,
          .value_bytes = PanelBytes<number>,
          .scratch_bytes = ScratchBytes,
          .pack = Pack<number>,
          .run = Run<number>,
          .weights = Weights<number>};
}

}  // namespace

const Attention kAttention = Plain<Number::kF32>();
const Attention kAttentionBf16 = Plain<Number::kBf16>();

}  // namespace vitrine::reference
