// Token merging (ToMe; Bolya et al. 2023, "Token Merging: Your ViT But Faster"): between attention and MLP the most similar tokens of a
// block become one. Before it: stages.h, whose keys it compares; after it: encoder.h, whose next stages have fewer tokens.
// Letters: T tokens, P prefix rows (never merged), r tokens to merge away, D width, K head dim.
#pragma once

#include <cstdint>

#include "../platform/recycled.h"
#include "arena.h"
#include "stages.h"
#include "weights.h"

namespace vitrine {

// r of each block; blocks behind its end merge nothing, and an empty one is no merging at all.
using MergeSchedule = RecycledVector<int64_t>;

// Of T tokens r are merged, at most half of those behind the prefix.
int64_t MergedAway(int64_t tokens, int64_t prefix_rows, int64_t r);
// T after `layer` blocks.
int64_t TokensAfter(const MergeSchedule& schedule, int64_t tokens, int64_t prefix_rows, int64_t layer);

// Bipartite soft matching, on the memory of one image. Tokens behind the prefix are A (even rows) and B (odd rows); each of A has an edge
// to that of B whose key, the mean over heads, is nearest by cosine (the first of equals); the r best edges (of equals the first token's)
// merge: B's token becomes the average weighted by how many patches each stands for. The new order: prefix, what is left of A, B; A in
// its order where there is a prefix, else the best edge first, as published.
class TokenMerger {
 public:
  // False: no memory.
  [[nodiscard]] bool Take(const Weights& weights, int64_t tokens, Arena& arena);

  // Merges r = MergedAway(…) > 0 rows of `tokens` [T, D] away; its data become another buffer's. `qkv` holds the keys of the
  // `heads`. False: no memory. The bits depend on the values alone, never on how the team shares the work.
  [[nodiscard]] bool Merge(const Stages& stages, const Stages::Heads& heads, Matrix qkv, int64_t r, Matrix* tokens);

  // [T] patches that each token stands for, and their logarithms, which attention adds to the scores; null before the first merge.
  const float* sizes() const { return merged_ ? sizes_ : nullptr; }
  const float* log_sizes() const { return merged_ ? log_sizes_ : nullptr; }

 private:
  // One side of the matching: rows first, first + 2, ….
  struct Side {
    int64_t first, count;
    int64_t row(int64_t index) const { return first + 2 * index; }
  };
  [[nodiscard]] bool Match(const Stages& stages, const Stages::Heads& heads, Matrix qkv, Side a, Side b);
  void Choose(Side a, Side b, int64_t r);
  void Move(const Stages& stages, Side a, Side b, int64_t count, int64_t r, Matrix* tokens);
  static void Metric(const Stages::Heads& heads, Matrix qkv, int64_t row, float* out);

  const Weights* weights_ = nullptr;
  bool merged_ = false;
  int64_t metric_stride_ = 0;
  float *metric_ = nullptr, *spare_ = nullptr, *sizes_ = nullptr, *spare_sizes_ = nullptr, *log_sizes_ = nullptr, *best_ = nullptr;
  void* panels_ = nullptr;
  const void** columns_ = nullptr;  // what the panels are packed from
  int32_t *target_ = nullptr, *order_ = nullptr, *kept_ = nullptr, *first_source_ = nullptr, *source_ = nullptr;
};

}  // namespace vitrine
