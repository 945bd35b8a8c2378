// One phase over groups of heads, behind class_rows.h: no cut changes a bit, since a head has the same bits in any group.
#include "class_rows.h"

#include <algorithm>
#include <cstring>

#include "arena.h"

namespace vitrine {
namespace {

// What a group of heads keeps between its steps, in the scratch of its thread.
struct GroupScratch {
  Matrix query;   // [1, head dim], padded with zeros to whole units
  Matrix u;       // [heads, D], fp32
  Matrix means;   // [heads, D]
  Matrix values;  // [1, columns of the panels that a head's values lie in]
  void* kernel = nullptr;

  int64_t Lay(const Kernels& kernels, const PackedBlock& block, const Stages::Heads& all, int64_t heads, int64_t dim, void* memory) {
    const int64_t columns = block.qkv.gemm->columns;
    Pieces pieces(memory);
    const auto matrix = [&](int64_t rows, int64_t width, Number number) {
      const int64_t stride = PaddedStride(width, columns);
      return Matrix{pieces.Take(rows * stride * BytesOf(number)), stride, number};
    };
    query = matrix(1, all.head_dim, block.class_keys.gemm->input);
    u = matrix(heads, dim, Number::kF32);
    means = matrix(heads, dim, block.qkv.gemm->input);
    values = matrix(1, all.head_dim + 2 * columns, all.attention->input);
    kernel = pieces.Take(kernels.class_attention.scratch_bytes(all.tokens, dim, heads));
    return pieces.taken();
  }
};

// Heads [first, end) of one row
void AttendGroup(const Kernels& kernels, const PackedBlock& block, const Stages::Heads& all, int64_t dim, const ClassRows& rows, Matrix qkv,
                 Matrix attended, int64_t row, int64_t first, int64_t end, const GroupScratch& scratch) {
  const int64_t head_dim = all.head_dim, columns = block.qkv.gemm->columns, panels = block.class_keys.panel_count / all.count;
  const auto multiply = [](const PackedLinear& linear, Matrix a, Matrix c) {
    MultiplyRows({Stage::kQkv, linear, a, c, Epilogue::kStore}, {0, 1}, AllPanels(linear));
  };
  for (int64_t h = first; h < end; h++) {
    const Matrix& query = scratch.query;
    std::memset(query.data, 0, size_t(query.stride * BytesOf(query.number)));
    std::memcpy(query.data, qkv.bytes(row, all.columns(h).query), size_t(head_dim * BytesOf(query.number)));
    multiply(SomePanels(block.class_keys, h * panels, panels), query, scratch.u.From(h - first));
  }
  {
    const Timed timed(Stage::kAttention, 4 * all.tokens * dim * (end - first));
    kernels.class_attention.run({.x = rows.x.row(0),
                                 .ldx = rows.x.stride,
                                 .u = scratch.u.row(0),
                                 .ldu = scratch.u.stride,
                                 .tokens = all.tokens,
                                 .dim = dim,
                                 .heads = end - first,
                                 .scale = all.scale(),
                                 .key_bias = all.key_bias,
                                 .weights = row == 0 ? rows.weights + first * all.tokens : nullptr,
                                 .out = scratch.means.data,
                                 .out_number = scratch.means.number,
                                 .ldo = scratch.means.stride,
                                 .scratch = scratch.kernel});
  }
  for (int64_t h = first; h < end; h++) {
    const int64_t column = all.columns(h).value, panel = column / columns;
    multiply(SomePanels(block.qkv, panel, Ceil(column + head_dim, columns) - panel), scratch.means.From(h - first), scratch.values);
    std::memcpy(attended.bytes(row, h * head_dim), scratch.values.bytes(0, column - panel * columns),
                size_t(head_dim * BytesOf(attended.number)));
  }
}

}  // namespace

bool AttendClassRows(const Stages& stages, const PackedBlock& block, const Stages::Heads& heads, int64_t dim, const ClassRows& rows,
                     Matrix qkv, Matrix attended, const RowSet& queries) {
  if (!queries.Touches({0, block.class_rows})) return true;
  const int64_t groups = std::min<int64_t>(heads.count, stages.team.width()), most = Ceil(heads.count, groups);
  const int64_t bytes = GroupScratch{}.Lay(stages.kernels, block, heads, most, dim, nullptr);
  return stages.team.ForEach(groups, bytes, [&](int64_t group, void* memory) {
    GroupScratch scratch;
    scratch.Lay(stages.kernels, block, heads, most, dim, memory);
    const int64_t first = heads.count * group / groups, end = heads.count * (group + 1) / groups;
    for (int64_t row = 0; row < block.class_rows; row++)
      if (queries.Touches({row, row + 1})) AttendGroup(stages.kernels, block, heads, dim, rows, qkv, attended, row, first, end, scratch);
  });
}

}  // namespace vitrine
