// Behind results.h; the pooling itself is engine/pool.h's.
#include "results.h"

#include <algorithm>
#include <bit>

#include "../engine/halves.h"
#include "../engine/pool.h"
#include "abi.h"

namespace vitrine {

bool AllFinite(const float* values, int64_t count) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; i++) bad |= uint32_t((std::bit_cast<uint32_t>(values[i]) & 0x7f800000) == 0x7f800000);
  return bad == 0;
}

Status WriteResult(const OrtOutput& output, const std::string& name, int64_t index, const OrtResult& result, bool finite_input,
                   std::vector<float>& scratch) {
  const auto unavailable = [&name](std::string what) { return Status::Error("ERR_POOL_UNAVAILABLE", "output " + name + ": " + what); };
  const bool matrix = output.dims.size() == 2;
  const int64_t tokens = matrix ? output.dims[0] : 0, dim = matrix ? output.dims[1] : output.image_values;
  int64_t length = 0;
  if (result.all) length = output.image_values;
  if (!result.all && !matrix) return unavailable("it has no token rows to take");
  for (const PoolTerm& term : result.terms) {
    if (term.row < 0 || term.row >= tokens || term.count < -1 || term.count > tokens) return unavailable("rows beyond its tokens");
    const RowRange rows = RowsOf(term, tokens);
    if (rows.begin >= rows.end || rows.end > tokens) {
      return unavailable("rows " + std::to_string(rows.begin) + " to " + std::to_string(rows.end) + " of " + std::to_string(tokens) +
                         " tokens");
    }
    length += (term.mean ? 1 : rows.size()) * dim;
  }
  if (length <= 0) return unavailable("nothing is taken of it");
  if (result.row < 0 || result.sink_size % length != 0 || result.row >= result.sink_size / length) {
    return Status::Error("ERR_INTERNAL", "output " + name + ": row " + std::to_string(result.row) + " of " + std::to_string(length) +
                                             " elements each does not fit into " + std::to_string(result.sink_size));
  }
  float* out = result.sink + result.row * length;

  const uint8_t* stored = output.data + index * output.image_bytes;
  const float* values = reinterpret_cast<const float*>(stored);
  if (output.type != kOrtFloat) {
    float* wide = out;
    if (!result.all) scratch.resize(size_t(output.image_values)), wide = scratch.data();
    (output.type == kOrtFloat16 ? WidenF16 : WidenBF16)(reinterpret_cast<const uint16_t*>(stored), wide, output.image_values);
    values = wide;
  }
  if (result.all) {
    if (values != out) std::copy_n(values, length, out);
  } else {
    const Matrix rows = {const_cast<float*>(values), dim};
    std::vector<double> sums(static_cast<size_t>(dim));
    float* at = out;
    for (const PoolTerm& term : result.terms) {
      const RowRange range = RowsOf(term, tokens);
      if (term.mean) {
        MeanOfRows(rows, range, dim, sums.data(), at);
        at += dim;
      } else {
        at = std::copy_n(rows.row(range.begin), range.size() * dim, at);
      }
    }
  }
  if (finite_input && !AllFinite(out, length)) {
    return Status::Error("ERR_OUTPUT_NOT_FINITE", "output " + name + " holds infinities or NaN although the image does not");
  }
  if (result.normalize) {
    const bool lone = result.all ? matrix : result.terms.size() == 1 && !result.terms[0].mean;
    const int64_t vector = lone ? dim : length;
    for (int64_t from = 0; from < length; from += vector) NormalizeLength(out + from, vector);
  }
  return Status::Ok();
}

}  // namespace vitrine
