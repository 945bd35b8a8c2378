// Matching, choice and merge, behind token_merge.h.
#include "token_merge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "halves.h"

namespace vitrine {
namespace {

constexpr int64_t kRowsPerChunk = 16;
constexpr float kNoEdge = -std::numeric_limits<float>::infinity();

}  // namespace

int64_t MergedAway(int64_t tokens, int64_t prefix_rows, int64_t r) { return std::clamp<int64_t>(r, 0, (tokens - prefix_rows) / 2); }

int64_t TokensAfter(const MergeSchedule& schedule, int64_t tokens, int64_t prefix_rows, int64_t layer) {
  for (int64_t i = 0; i < std::min(layer, int64_t(schedule.size())); i++) tokens -= MergedAway(tokens, prefix_rows, schedule[size_t(i)]);
  return tokens;
}

bool TokenMerger::Take(const Weights& weights, int64_t tokens, Arena& arena) {
  const Gemm& gemm = weights.kernels->gemm;
  const int64_t side = tokens / 2 + 1;
  weights_ = &weights;
  merged_ = false;
  metric_stride_ = PaddedStride(weights.head_dim, gemm.columns);
  metric_ = arena.Array<float>(tokens * metric_stride_);
  spare_ = arena.Array<float>(tokens * weights.token_stride);
  sizes_ = arena.Array<float>(tokens), spare_sizes_ = arena.Array<float>(tokens), log_sizes_ = arena.Array<float>(tokens);
  best_ = arena.Array<float>(side);
  panels_ = arena.Allocate(Ceil(side, gemm.columns) * gemm.panel_bytes(weights.head_dim));
  columns_ = arena.Array<const void*>(Ceil(side, gemm.columns) * gemm.columns);
  target_ = arena.Array<int32_t>(side), order_ = arena.Array<int32_t>(side), kept_ = arena.Array<int32_t>(side);
  first_source_ = arena.Array<int32_t>(side + 1), source_ = arena.Array<int32_t>(side);
  if (sizes_ == nullptr) return false;
  std::fill_n(sizes_, tokens, 1.f);
  return metric_ && spare_ && spare_sizes_ && log_sizes_ && best_ && panels_ && columns_ && target_ && order_ && kept_ && first_source_ &&
         source_;
}

bool TokenMerger::Merge(const Stages& stages, const Stages::Heads& heads, Matrix qkv, int64_t r, Matrix* tokens) {
  const int64_t prefix = weights_->prefix_rows, count = heads.tokens;
  const Side a{prefix + prefix % 2, (count - prefix + (prefix % 2 == 0)) / 2}, b{prefix | 1, (count - prefix + prefix % 2) / 2};
  if (!Match(stages, heads, qkv, a, b)) return false;
  Choose(a, b, r);
  Move(stages, a, b, count, r, tokens);
  return true;
}

// The mean over heads of a token's key, at unit length. Cosines do not see the factor 1 / heads, so the sum will do. A key of zeros has no
// direction: its NaN is no edge.
void TokenMerger::Metric(const Stages::Heads& heads, Matrix qkv, int64_t row, float* out) {
  const int64_t head_dim = heads.head_dim;
  std::fill_n(out, head_dim, 0.f);
  for (int64_t h = 0; h < heads.count; h++) {
    const std::byte* key = qkv.bytes(row, heads.columns(h).key);
    for (int64_t d = 0; d < head_dim; d++) {
      float value;
      if (qkv.number == Number::kF32) {
        std::memcpy(&value, key + d * 4, 4);
      } else {
        uint16_t half;
        std::memcpy(&half, key + d * 2, 2);
        value = WidenedBF16(half);
      }
      out[d] += value;
    }
  }
  double squares = 0;
  for (int64_t d = 0; d < head_dim; d++) squares += double(out[d]) * double(out[d]);
  const auto inverse = float(1 / std::sqrt(squares));
  for (int64_t d = 0; d < head_dim; d++) out[d] *= inverse;
}

// The best edge of every token of A: best_, target_. Scores live in scratch, some rows at a time.
bool TokenMerger::Match(const Stages& stages, const Stages::Heads& heads, Matrix qkv, Side a, Side b) {
  const Gemm& gemm = stages.kernels.gemm;
  const int64_t head_dim = weights_->head_dim, panels = Ceil(b.count, gemm.columns), panel_bytes = gemm.panel_bytes(head_dim);
  float* const b_metric = metric_ + a.count * metric_stride_;
  stages.team.ForEach(Ceil(a.count + b.count, kRowsPerChunk), [&](int64_t chunk) {
    const int64_t end = std::min((chunk + 1) * kRowsPerChunk, a.count + b.count);
    for (int64_t i = chunk * kRowsPerChunk; i < end; i++)
      Metric(heads, qkv, i < a.count ? a.row(i) : b.row(i - a.count), metric_ + i * metric_stride_);
  });
  for (int64_t j = 0; j < panels * gemm.columns; j++) columns_[j] = j < b.count ? b_metric + j * metric_stride_ : nullptr;
  stages.team.ForEach(panels, [&](int64_t panel) {
    gemm.pack_panel(columns_ + panel * gemm.columns, head_dim, static_cast<std::byte*>(panels_) + panel * panel_bytes);
  });
  const int64_t stride = panels * gemm.columns, rows_each = Ceil(kRowsPerChunk, gemm.rows) * gemm.rows;
  return stages.team.ForEach(Ceil(a.count, rows_each), rows_each * stride * int64_t(sizeof(float)), [&](int64_t chunk, void* scratch) {
    const int64_t begin = chunk * rows_each, rows = std::min(rows_each, a.count - begin);
    auto* scores = static_cast<float*>(scratch);
    gemm.run({.a = metric_ + begin * metric_stride_,
              .lda = metric_stride_,
              .a_scale = nullptr,
              .a_zero = nullptr,
              .panels = panels_,
              .column_scale = nullptr,
              .column_sum = nullptr,
              .bias = nullptr,
              .scale = nullptr,
              .c = scores,
              .c_number = Number::kF32,
              .ldc = stride,
              .k = head_dim,
              .row_begin = 0,
              .row_end = rows,
              .panel_begin = 0,
              .panel_end = panels,
              .epilogue = Epilogue::kStore,
              .activation = Activation::kNone});
    for (int64_t i = 0; i < rows; i++) {
      const float* row = scores + i * stride;
      float best = kNoEdge;
      int64_t target = 0;
      for (int64_t j = 0; j < b.count; j++)
        if (row[j] > best) best = row[j], target = j;
      best_[begin + i] = best, target_[begin + i] = int32_t(target);
    }
  });
}

// The r best edges: kept_ holds the tokens of A that stay, source_ those that go, by the token of B that takes them, best edge first.
void TokenMerger::Choose(Side a, Side b, int64_t r) {
  for (int64_t i = 0; i < a.count; i++) order_[i] = int32_t(i);
  std::sort(order_, order_ + a.count, [&](int32_t i, int32_t j) { return best_[i] != best_[j] ? best_[i] > best_[j] : i < j; });
  std::copy(order_ + r, order_ + a.count, kept_);
  if (weights_->prefix_rows > 0) std::sort(kept_, kept_ + a.count - r);
  // Counting sort by target, which keeps the order of edges.
  std::fill_n(first_source_, b.count + 1, 0);
  for (int64_t i = 0; i < r; i++) first_source_[target_[order_[i]] + 1]++;
  for (int64_t j = 0; j < b.count; j++) first_source_[j + 1] += first_source_[j];
  for (int64_t i = 0; i < r; i++) source_[first_source_[target_[order_[i]]]++] = order_[i];
  for (int64_t j = b.count; j > 0; j--) first_source_[j] = first_source_[j - 1];
  first_source_[0] = 0;
}

void TokenMerger::Move(const Stages& stages, Side a, Side b, int64_t count, int64_t r, Matrix* tokens) {
  const int64_t prefix = weights_->prefix_rows, dim = weights_->dim, kept = a.count - r;
  const Matrix out{spare_, tokens->stride};
  stages.team.ForEach(Ceil(count - r, kRowsPerChunk), [&](int64_t chunk) {
    const int64_t end = std::min((chunk + 1) * kRowsPerChunk, count - r);
    for (int64_t t = chunk * kRowsPerChunk; t < end; t++) {
      const int64_t taker = t - prefix - kept;  // index in B, or below 0
      const int64_t from = t < prefix ? t : taker < 0 ? a.row(kept_[t - prefix]) : b.row(taker);
      float size = sizes_[from];
      float* to = out.row(t);
      std::copy_n(tokens->row(from), dim, to);
      if (taker >= 0 && first_source_[taker] < first_source_[taker + 1]) {
        for (int64_t d = 0; d < dim; d++) to[d] *= size;
        for (int32_t s = first_source_[taker]; s < first_source_[taker + 1]; s++) {
          const int64_t merged = a.row(source_[s]);
          const float* row = tokens->row(merged);
          const float weight = sizes_[merged];
          for (int64_t d = 0; d < dim; d++) to[d] += row[d] * weight;
          size += weight;
        }
        for (int64_t d = 0; d < dim; d++) to[d] /= size;
      }
      spare_sizes_[t] = size;
      log_sizes_[t] = float(std::log(double(size)));
    }
  });
  std::swap(sizes_, spare_sizes_);
  spare_ = static_cast<float*>(std::exchange(tokens->data, spare_));
  merged_ = true;
}

}  // namespace vitrine
