// How each stage is cut into chunks, behind stages.h.
#include "stages.h"

#include <algorithm>

#include "arena.h"

namespace vitrine {
namespace {

// Chunks are claimed several at a time (team.cc), so they may be small: 10 to 20 µs, and whole tiles of the register kernel.
constexpr int64_t kFlopsPerChunk = 1'500'000;
constexpr int64_t kBytesPerChunk = 256 << 10;
constexpr int64_t kNormRowsPerChunk = 16;
constexpr int64_t kPairRowsPerChunk = 112;  // even
constexpr int64_t kPairPanelsPerChunk = 4;

// Cuts rows into parts of whole tiles: each range has the fewest tiles of at most tile_rows rows, evenly filled, `tiles_each` to a part.
class RowCuts {
 public:
  RowCuts(const RowSet& rows, int64_t tile_rows, int64_t tiles_each)
      : rows_(rows), tile_rows_(tile_rows), tiles_each_(std::max<int64_t>(tiles_each, 1)) {
    for (const RowRange& range : rows.ranges()) count_ += Parts(range);
  }
  int64_t count() const { return count_; }
  RowRange operator[](int64_t index) const {
    for (const RowRange& range : rows_.ranges()) {
      const int64_t parts = Parts(range), tiles = Ceil(range.size(), tile_rows_);
      if (index < parts) {
        const int64_t first = tiles * index / parts, last = tiles * (index + 1) / parts;
        return {range.begin + range.size() * first / tiles, range.begin + range.size() * last / tiles};
      }
      index -= parts;
    }
    return {0, 0};
  }

 private:
  int64_t Parts(const RowRange& range) const { return Ceil(Ceil(range.size(), tile_rows_), tiles_each_); }

  const RowSet& rows_;
  const int64_t tile_rows_, tiles_each_;
  int64_t count_ = 0;
};

// Cuts rows between pairs.
class PairCuts {
 public:
  PairCuts(const RowSet& rows, int64_t first) : rows_(rows), first_(first) {
    for (const RowRange& range : rows.ranges()) count_ += PartOf(range.end - 1) - PartOf(range.begin) + 1;
  }
  int64_t count() const { return count_; }
  RowRange operator[](int64_t index) const {
    for (const RowRange& range : rows_.ranges()) {
      const int64_t part = PartOf(range.begin) + index, parts = PartOf(range.end - 1) + 1;
      if (part < parts) return {std::max(range.begin, part > 0 ? Begin(part) : 0), std::min(range.end, Begin(part + 1))};
      index -= parts - PartOf(range.begin);
    }
    return {0, 0};
  }

 private:
  int64_t PartOf(int64_t row) const { return std::max<int64_t>(row - first_, 0) / kPairRowsPerChunk; }
  int64_t Begin(int64_t part) const { return first_ + part * kPairRowsPerChunk; }

  const RowSet& rows_;
  const int64_t first_;
  int64_t count_ = 0;
};

// The order of the chunks of row parts × panel parts. An owner claims from the front and helpers from the back, so each thread has a band
// of rows: it finds in its own cache what it wrote there in the stage before. Within a band, neighbours share panels.
class ChunkGrid {
 public:
  ChunkGrid(int64_t row_parts, int64_t panel_parts, int64_t bands)
      : row_parts_(row_parts), panel_parts_(panel_parts), bands_(std::min(bands, row_parts)) {}
  int64_t count() const { return row_parts_ * panel_parts_; }
  struct Place {
    int64_t row_part, panel_part;
  };
  Place operator[](int64_t chunk) const {
    int64_t band = 0;
    while (chunk >= First(band + 1) * panel_parts_) band++;
    const int64_t first = First(band), parts = First(band + 1) - first, inside = chunk - first * panel_parts_;
    return {first + inside % parts, inside / parts};
  }

 private:
  int64_t First(int64_t band) const { return row_parts_ * band / bands_; }

  const int64_t row_parts_, panel_parts_, bands_;
};

}  // namespace

void Stages::Norm(const PackedNorm& norm, float eps, int64_t dim, Matrix x, Matrix y, const RowSet& rows) const {
  const RowCuts cuts(rows, kNormRowsPerChunk, 1);
  team.ForEach(cuts.count(), [&](int64_t chunk) { NormRows(kernels, norm, eps, dim, x, y, cuts[chunk]); });
}

void Stages::Quantize(Matrix x, int64_t dim, Matrix y, const RowSet& rows) const {
  const RowCuts cuts(rows, kNormRowsPerChunk, 1);
  team.ForEach(cuts.count(), [&](int64_t chunk) { QuantizeRows(kernels, x, dim, y, cuts[chunk]); });
}

void Stages::Multiply(const Product& product, const RowSet& rows, PanelRange panels) const {
  const PackedLinear& linear = product.linear;
  const int64_t count = panels.end - panels.begin;
  if (rows.empty() || count <= 0) return;
  const int64_t tile_rows = linear.gemm->rows, panel_bytes = linear.gemm->panel_bytes(linear.k);
  // Narrow numbers are multiplied faster: a chunk is as many bytes of panel, and so about as much time.
  const int64_t row_cost = panel_bytes / 2;
  const RowCuts cuts(rows, tile_rows, kFlopsPerChunk / (tile_rows * row_cost));
  const int64_t row_parts = cuts.count(), rows_each = Ceil(rows.count(), row_parts);
  const int64_t panels_each = std::max<int64_t>(1, std::min(kFlopsPerChunk / (rows_each * row_cost), kBytesPerChunk / panel_bytes));
  const int64_t panel_parts = Ceil(count, panels_each);
  const ChunkGrid grid(row_parts, panel_parts, team.width());
  team.ForEach(grid.count(), [&](int64_t chunk) {
    const auto [row_part, part] = grid[chunk];
    const PanelRange some{panels.begin + count * part / panel_parts, panels.begin + count * (part + 1) / panel_parts};
    MultiplyRows(product, cuts[row_part], some);
  });
}

bool Stages::MultiplyInPairs(const Product& product, const RowSet& rows, int64_t first) const {
  if (rows.empty()) return true;
  const int64_t half = product.linear.panel_count / 2;
  const PairCuts cuts(rows, first);
  const int64_t row_parts = cuts.count();
  // Several panels to a chunk, since each one sums its rows anew.
  const int64_t panels_each = std::clamp<int64_t>(half * row_parts / (4 * team.width()), 1, kPairPanelsPerChunk);
  const int64_t panel_parts = Ceil(half, panels_each);
  const ChunkGrid grid(row_parts, panel_parts, team.width());
  return team.ForEach(grid.count(), PairScratchBytes(product.linear, kPairRowsPerChunk + 1), [&](int64_t chunk, void* scratch) {
    const auto [row_part, part] = grid[chunk];
    MultiplyPairs(product, cuts[row_part], first, {half * part / panel_parts, half * (part + 1) / panel_parts}, scratch);
  });
}

bool Stages::EmbedPatches(const Weights& weights, const Image& image, const float* positions, Matrix tokens) const {
  const PackedLinear& linear = image.bytes != nullptr ? weights.patch_bytes : weights.patch_planes;
  const int64_t patches = int64_t(image.height / weights.patch_height) * (image.width / weights.patch_width);
  const RowSet all = RowSet::All(patches);
  // All panels are read once per chunk: several chunks a thread only where threads must end together.
  const int64_t chunks = team.width() > 1 ? 4 * team.width() : 1;
  const RowCuts cuts(all, kernels.gemm.rows, Ceil(patches, chunks * kernels.gemm.rows));
  const int64_t scratch_bytes = weights.patch_embed->scratch_bytes(linear.k);
  return team.ForEach(cuts.count(), scratch_bytes, [&](int64_t chunk, void* scratch) {
    const RowRange range = cuts[chunk];
    const PatchEmbedCall call{.bytes = image.bytes,
                              .planes = image.planes,
                              .height = image.height,
                              .width = image.width,
                              .patch_height = weights.patch_height,
                              .patch_width = weights.patch_width,
                              .panels = linear.panels,
                              .panel_count = linear.panel_count,
                              .bias = linear.bias,
                              .position = positions,
                              .ld_position = weights.token_stride,
                              .tokens = tokens.row(0),
                              .ldt = tokens.stride,
                              .patch_begin = range.begin,
                              .patch_end = range.end,
                              .scratch = scratch};
    const Timed timed(Stage::kPatches, 2 * range.size() * linear.panel_count * kernels.gemm.columns * linear.k);
    (image.bytes != nullptr ? weights.patch_embed->from_bytes : weights.patch_embed->from_planes)(call);
  });
}

namespace {

using Heads = Stages::Heads;

// What a thread that has a head to itself keeps of it.
struct HeadScratch {
  Matrix qkv;  // [T, 3 · head dim]: queries, keys, values
  void *keys = nullptr, *values = nullptr, *kernel = nullptr;

  int64_t Lay(const Heads& heads, bool with_qkv, void* memory) {
    const Number number = heads.attention->input;
    const int64_t units = Ceil(3 * heads.head_dim, UnitOf(number)), stride = PaddedStride(units, 1) * UnitOf(number);
    Pieces pieces(memory);
    qkv = {pieces.Take(with_qkv ? heads.tokens * stride * BytesOf(number) : 0), stride, number};
    keys = pieces.Take(heads.attention->key_bytes(heads.tokens, heads.head_dim));
    values = pieces.Take(heads.attention->value_bytes(heads.tokens, heads.head_dim));
    kernel = pieces.Take(heads.attention->scratch_bytes(heads.tokens, heads.head_dim));
    return pieces.taken();
  }
  static int64_t Size(const Heads& heads, bool with_qkv) { return HeadScratch{}.Lay(heads, with_qkv, nullptr); }
};

void PackHead(const Heads& heads, Matrix qkv, const Heads::Columns& columns, void* keys, void* values) {
  const Timed timed(Stage::kKeys);
  heads.attention->pack(qkv.bytes(0, columns.key), qkv.bytes(0, columns.value), qkv.stride, heads.tokens, heads.head_dim, keys, values);
}

AttentionCall HeadCall(const Heads& heads, Matrix qkv, const Heads::Columns& columns, const void* keys, const void* values, void* scratch) {
  return {.q = qkv.bytes(0, columns.query),
          .ldq = qkv.stride,
          .key_panels = keys,
          .value_panels = values,
          .tokens = heads.tokens,
          .head_dim = heads.head_dim,
          .query_begin = 0,
          .query_end = 0,
          .scale = heads.scale(),
          .key_bias = heads.key_bias,
          .out = nullptr,
          .ldo = 0,
          .scratch = scratch};
}

void AttendHead(const Heads& heads, AttentionCall call, Matrix attended, int64_t head, RowRange queries) {
  const Timed timed(Stage::kAttention, 4 * heads.tokens * heads.head_dim * queries.size());
  call.query_begin = queries.begin, call.query_end = queries.end;
  call.out = attended.bytes(0, head * heads.head_dim), call.ldo = attended.stride;
  heads.attention->run(call);
}

// All of a head on this thread
void AttendAlone(const Heads& heads, Matrix qkv, const Heads::Columns& columns, const HeadScratch& scratch, Matrix attended, int64_t head,
                 const RowSet& queries) {
  PackHead(heads, qkv, columns, scratch.keys, scratch.values);
  const AttentionCall call = HeadCall(heads, qkv, columns, scratch.keys, scratch.values, scratch.kernel);
  for (const RowRange& range : queries.ranges()) AttendHead(heads, call, attended, head, range);
}

}  // namespace

bool Stages::Attend(const Heads& heads, Matrix qkv, Matrix attended, const RowSet& queries) const {
  const int64_t threads = team.width();
  // One phase where whole heads fill all threads evenly.
  if (heads.count % threads == 0 || heads.count >= 4 * threads) {
    return team.ForEach(heads.count, HeadScratch::Size(heads, false), [&](int64_t head, void* memory) {
      HeadScratch scratch;
      scratch.Lay(heads, false, memory);
      AttendAlone(heads, qkv, heads.columns(head), scratch, attended, head, queries);
    });
  }
  team.ForEach(heads.count, [&](int64_t head) { PackHead(heads, qkv, heads.columns(head), heads.keys(head), heads.values(head)); });
  const int64_t flops = 4 * heads.tokens * heads.head_dim;  // of one query
  const RowCuts cuts(queries, kernels.gemm.rows, kFlopsPerChunk / (flops * kernels.gemm.rows));
  const int64_t scratch_bytes = heads.attention->scratch_bytes(heads.tokens, heads.head_dim);
  return team.ForEach(heads.count * cuts.count(), scratch_bytes, [&](int64_t chunk, void* scratch) {
    const int64_t head = chunk / cuts.count();
    const AttentionCall call = HeadCall(heads, qkv, heads.columns(head), heads.keys(head), heads.values(head), scratch);
    AttendHead(heads, call, attended, head, cuts[chunk % cuts.count()]);
  });
}

bool Stages::AttendByHead(const Heads& heads, const PackedLinear& qkv, Matrix normed, Matrix attended, const RowSet& queries) const {
  const int64_t panels = qkv.panel_count / heads.count;
  return team.ForEach(heads.count, HeadScratch::Size(heads, true), [&](int64_t head, void* memory) {
    HeadScratch scratch;
    scratch.Lay(heads, true, memory);
    MultiplyRows({Stage::kQkv, SomePanels(qkv, head * panels, panels), normed, scratch.qkv, Epilogue::kStore}, {0, heads.tokens},
                 {0, panels});
    AttendAlone(heads, scratch.qkv, {0, heads.head_dim, 2 * heads.head_dim}, scratch, attended, head, queries);
  });
}

bool Stages::AttentionMap(const Heads& heads, Matrix qkv, int64_t first, float* out) const {
  const int64_t kept = heads.tokens - first, head_bytes = HeadScratch::Size(heads, false);
  return team.ForEach(heads.count, head_bytes + heads.tokens * int64_t(sizeof(float)), [&](int64_t head, void* memory) {
    HeadScratch scratch;
    scratch.Lay(heads, false, memory);
    auto* weights = reinterpret_cast<float*>(static_cast<std::byte*>(memory) + head_bytes);
    const Heads::Columns columns = heads.columns(head);
    PackHead(heads, qkv, columns, scratch.keys, scratch.values);
    heads.attention->weights(HeadCall(heads, qkv, columns, scratch.keys, scratch.values, scratch.kernel), weights);
    std::copy_n(weights + first, kept, out + head * kept);
  });
}

}  // namespace vitrine
