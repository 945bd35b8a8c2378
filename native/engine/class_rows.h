// How the first rows of the model's last block attend: without the keys and values of the tokens. With X = norm1(tokens), the scores of a
// head are X·(Wkᵀ·q), but for the key's bias, which adds the same to all; and since weights add up to 1, Σ weight·(Wv·x + bv) is
// Wv·(Σ weight·x) + bv. Where only such rows are read, as for a CLS vector, that leaves out two products of all tokens.
//
// These rows attend so whatever else is asked, each by itself: their bits never depend on it. Before it: block.h; after it:
// kernels/class_attention.h. Letters: T tokens, D width.
#pragma once

#include "stages.h"

namespace vitrine {

struct ClassRows {
  Matrix x;                  // [T, D], fp32: norm1 of the tokens
  float* weights = nullptr;  // [heads, T]: the softmax of row 0, once it has attended
};

// Those of the `queries` that are class rows of the block: their heads side by side into `attended`. False: no memory.
[[nodiscard]] bool AttendClassRows(const Stages& stages, const PackedBlock& block, const Stages::Heads& heads, int64_t dim,
                                   const ClassRows& rows, Matrix qkv, Matrix attended, const RowSet& queries);

}  // namespace vitrine
