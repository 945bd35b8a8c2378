// Rows of a run's outputs → one image's results: widened, pooled by terms, checked, normalised. Before it: runner.h; after it: the sinks of
// lib/tensor.ts. Letters: T tokens, D width.
#pragma once

#include <string>
#include <vector>

#include "../engine/spec.h"
#include "runner.h"

namespace vitrine {

// What one image wants of one output.
struct OrtResult {
  size_t port;
  bool all;                     // the whole row of the port, else terms
  std::vector<PoolTerm> terms;  // of a port [B, T, D]
  bool normalize;
  float* sink;        // the whole array
  int64_t sink_size;  // in floats
  int64_t row;
};

// Image `index` of a run → the sink's row. ERR_POOL_UNAVAILABLE where the port has no such rows; ERR_OUTPUT_NOT_FINITE where `finite_input`
// and a value is not; ERR_INTERNAL where the sink is too small. `scratch` holds one image of a port.
Status WriteResult(const OrtOutput& output, const std::string& name, int64_t index, const OrtResult& result, bool finite_input,
                   std::vector<float>& scratch);

bool AllFinite(const float* values, int64_t count);

}  // namespace vitrine
