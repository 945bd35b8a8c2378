// attention.h in two passes over one row of scores in double. Panels are plain [T][K] copies.
#include <cmath>

#include "reference.h"

namespace vitrine::reference {
namespace {

int64_t PanelFloats(int64_t tokens, int64_t head_dim) { return (tokens * head_dim + 15) / 16 * 16; }
int64_t ScratchFloats(int64_t tokens, int64_t) { return (2 * tokens + 15) / 16 * 16; }

void Pack(const float* k, const float* v, int64_t ld, int64_t tokens, int64_t head_dim, float* key_panels, float* value_panels) {
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t d = 0; d < head_dim; d++) {
      key_panels[t * head_dim + d] = k[t * ld + d];
      value_panels[t * head_dim + d] = v[t * ld + d];
    }
  }
}

// Softmax of one query's scores → weights[T]
void Softmax(const AttentionCall& call, int64_t query, double* weights) {
  const float* q = call.q + query * call.ldq;
  double maximum = -INFINITY, sum = 0;
  for (int64_t t = 0; t < call.tokens; t++) {
    double dot = 0;
    for (int64_t d = 0; d < call.head_dim; d++) dot += double(q[d]) * double(call.key_panels[t * call.head_dim + d]);
    weights[t] = dot * double(call.scale);
    maximum = weights[t] > maximum ? weights[t] : maximum;
  }
  for (int64_t t = 0; t < call.tokens; t++) sum += weights[t] = std::exp(weights[t] - maximum);
  for (int64_t t = 0; t < call.tokens; t++) weights[t] /= sum;
}

void Run(const AttentionCall& call) {
  auto* weights = reinterpret_cast<double*>(call.scratch);
  for (int64_t query = call.query_begin; query < call.query_end; query++) {
    Softmax(call, query, weights);
    for (int64_t d = 0; d < call.head_dim; d++) {
      double sum = 0;
      for (int64_t t = 0; t < call.tokens; t++) sum += weights[t] * double(call.value_panels[t * call.head_dim + d]);
      call.out[query * call.ldo + d] = float(sum);
    }
  }
}

void Weights(const AttentionCall& call, float* out) {
  auto* weights = reinterpret_cast<double*>(call.scratch);
  Softmax(call, call.query_begin, weights);
  for (int64_t t = 0; t < call.tokens; t++) out[t] = float(weights[t]);
}

}  // namespace

const Attention kAttention = {
    .key_floats = PanelFloats, .value_floats = PanelFloats, .scratch_floats = ScratchFloats, .pack = Pack, .run = Run, .weights = Weights};

}  // namespace vitrine::reference
