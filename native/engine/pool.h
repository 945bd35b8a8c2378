// From token rows to one result per image, by primitives only: rows as they are, mean of rows; concatenated, through a head, averaged,
// normalised. Before it: encoder.h; after it: binding/results.cc. Which rows make up a pool, lib/pooling.ts says.
#pragma once

#include <vector>

#include "arena.h"
#include "row_set.h"
#include "spec.h"
#include "stages.h"
#include "status.h"
#include "weights.h"

namespace vitrine {

// Floats of one image's result; ERR_POOL_UNAVAILABLE where the output reads what is not there.
Status OutputLength(const Weights& weights, int64_t tokens, const Output& output, int64_t* length);

// Rows that the output reads after `layer` blocks, those through the final norm apart. Only for outputs that OutputLength accepts.
struct RowsRead {
  RowSet before_norm, after_norm;
};
void AddRowsRead(const Output& output, int64_t tokens, RowsRead* rows);

// The primitives: rows of a term; their mean, summed in double, row after row (`sums` holds dim of them), weighted by the rows' `sizes`
// where there are some; unit length, where zeros stay.
RowRange RowsOf(const PoolTerm& term, int64_t tokens);
void MeanOfRows(Matrix rows, RowRange range, int64_t dim, double* sums, float* out, const float* sizes = nullptr);
void NormalizeLength(float* row, int64_t length);

// Writes the result. `plain` and `normed` hold the rows before and after the final norm, each those that AddRowsRead named; `sizes` what
// merged rows weigh in a mean (token_merge.h), null: the same. False: no memory.
[[nodiscard]] bool WriteOutput(const Weights& weights, const Stages& stages, Arena& arena, const Output& output, int64_t tokens,
                               Matrix plain, Matrix normed, const float* sizes, float* out);

}  // namespace vitrine
