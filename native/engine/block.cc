// The steps behind block.h, written once for both ways of running them.
#include "block.h"

#include <algorithm>

#include "counters.h"

namespace vitrine {
namespace {

// A panel is read once per chunk, from the cache that holds the weights: with half an image of 224 pixels (99 rows) that costs nothing,
// with a quarter 1 % of the time. More rows than this leave L2 between two steps.
constexpr int64_t kRowsPerChunk = 112;

// Counts a block as running for as long as it lives.
struct BlockCounted {
  BlockCounted() { counters.blocks_begun++, counters.blocks_running++; }
  ~BlockCounted() { counters.blocks_running--; }
};

// The steps as phases of a team over the rows of a set.
struct OverTeam {
  const Weights& w;
  const Stages& stages;
  const RowSet& rows;
  void Norm(const PackedNorm& norm, Matrix x, Matrix y) const { stages.Norm(norm, w.eps, w.dim, x, y, rows); }
  void Quantize(Matrix x, int64_t dim, Matrix y) const { stages.Quantize(x, dim, y, rows); }
  void Multiply(Stage stage, const PackedLinear& linear, Matrix a, Matrix c, Epilogue epilogue, Activation activation) const {
    stages.Multiply(stage, linear, a, c, rows, AllPanels(linear), epilogue, activation);
  }
};

// The steps on this thread; matrices begin with the first of the rows.
struct OnThisThread {
  const Weights& w;
  int64_t rows;
  void Norm(const PackedNorm& norm, Matrix x, Matrix y) const { NormRows(*w.kernels, norm, w.eps, w.dim, x, y, {0, rows}); }
  void Quantize(Matrix x, int64_t dim, Matrix y) const { QuantizeRows(*w.kernels, x, dim, y, {0, rows}); }
  void Multiply(Stage stage, const PackedLinear& linear, Matrix a, Matrix c, Epilogue epilogue, Activation activation) const {
    MultiplyRows(stage, linear, a, c, {0, rows}, AllPanels(linear), epilogue, activation);
  }
};

// tokens += a · weightᵀ, LayerScale included
template <class Over>
void AddProduct(const Over& over, Stage stage, const PackedLinear& linear, Matrix a, Matrix tokens, const RowBuffers& buffers) {
  if (linear.gemm->input == Number::kU8) {
    over.Quantize(a, linear.k, buffers.Bytes());
    a = buffers.Bytes();
  }
  over.Multiply(stage, linear, a, tokens, Epilogue::kResidual, Activation::kNone);
}

// `projected`: the projection of `attended` is in the tokens already
template <class Over>
void Finish(const Over& over, const PackedBlock& block, bool projected, Matrix attended, Matrix tokens, const RowBuffers& buffers) {
  if (!projected) AddProduct(over, Stage::kProjection, block.projection, attended, tokens, buffers);

  const Matrix normed = buffers.Normed(block.fc1.gemm->input);
  // What is quantised next need not be better than bf16.
  const Matrix hidden = buffers.Hidden(block.fc2.gemm->input == Number::kF32 ? Number::kF32 : Number::kBf16);
  over.Norm(block.norm2, tokens, normed);
  over.Multiply(Stage::kFc1, block.fc1, normed, hidden, over.w.glu ? Epilogue::kGlu : Epilogue::kStore, over.w.activation);
  AddProduct(over, Stage::kFc2, block.fc2, hidden, tokens, buffers);
}

}  // namespace

int64_t RowBuffers::Lay(const Weights& w, int64_t rows, void* memory) {
  const int64_t columns = w.kernels->gemm.columns, inner = w.heads * w.head_dim;
  normed_stride = PaddedStride(w.dim, columns);
  hidden_stride = PaddedStride(std::max(inner, w.mlp_width), columns);
  int64_t taken = 0;
  const auto take = [&](int64_t bytes) {
    const int64_t at = taken;
    taken += Ceil(bytes, 64) * 64;
    return reinterpret_cast<void*>(reinterpret_cast<intptr_t>(memory) + at);
  };
  const bool floats = w.precision == Precision::kFp32 || w.kernels->gemm_bf16.input == Number::kF32;
  const int64_t widest = BytesOf(floats ? Number::kF32 : Number::kBf16);
  normed = take(rows * normed_stride * widest);
  hidden = take(rows * hidden_stride * widest);
  bytes = take(w.precision == Precision::kInt8 ? rows * hidden_stride : 0);
  scale = static_cast<float*>(take(rows * int64_t(sizeof(float))));
  zero = static_cast<int32_t*>(take(rows * int64_t(sizeof(int32_t))));
  return taken;
}

bool Activations::Take(const Weights& w, int64_t token_count, Arena& arena) {
  const int64_t inner = w.heads * w.head_dim, columns = w.kernels->gemm.columns;
  const Attention& attention = *w.attention;
  tokens = {nullptr, w.token_stride};
  attended = {nullptr, PaddedStride(std::max(w.dim, inner), columns), attention.input};
  qkv = {nullptr, PaddedStride(3 * inner, columns), attention.input};
  tokens.data = arena.Array<float>(token_count * tokens.stride);
  attended.data = arena.Array<float>(token_count * attended.stride);
  qkv.data = arena.Allocate(token_count * qkv.stride * BytesOf(qkv.number));
  void* memory = arena.Allocate(RowBuffers::Size(w, token_count));
  if (tokens.data == nullptr || attended.data == nullptr || qkv.data == nullptr || memory == nullptr) return false;
  // The end of a row that is no whole unit is read, and met by a weight of zero.
  if (w.precision != Precision::kFp32 && inner % 4 != 0)
    std::fill_n(static_cast<float*>(attended.data), token_count * attended.stride, 0.f);
  rows.Lay(w, token_count, memory);
  heads = {.count = w.heads,
           .head_dim = w.head_dim,
           .tokens = token_count,
           .attention = &attention,
           .key_panels = arena.Allocate(w.heads * attention.key_bytes(token_count, w.head_dim)),
           .value_panels = arena.Allocate(w.heads * attention.value_bytes(token_count, w.head_dim))};
  return heads.key_panels != nullptr && heads.value_panels != nullptr;
}

void Blocks::Begin(const PackedBlock& block, const BlockRows& rows) const {
  const RowSet all = RowSet::All(a_.heads.tokens);
  const Matrix normed = a_.rows.Normed(block.qkv.gemm->input);
  const int64_t first_key_panel = w_.heads * w_.head_dim / block.qkv.gemm->columns;
  stages_.Norm(block.norm1, w_.eps, w_.dim, a_.tokens, normed, all);
  stages_.Multiply(Stage::kQkv, block.qkv, normed, a_.qkv, rows.queries, AllPanels(block.qkv), Epilogue::kStore);
  stages_.Multiply(Stage::kQkv, block.qkv, normed, a_.qkv, rows.queries.Rest(a_.heads.tokens), {first_key_panel, block.qkv.panel_count},
                   Epilogue::kStore);
}

// The same for the rows of a range, whose buffers are `buffers`.
void Blocks::BeginRows(const PackedBlock& block, const RowSet& queries, const RowBuffers& buffers, RowRange range) const {
  const Matrix normed = buffers.Normed(block.qkv.gemm->input), qkv = a_.qkv.From(range.begin);
  const int64_t inner = w_.heads * w_.head_dim, columns = block.qkv.gemm->columns;
  NormRows(*w_.kernels, block.norm1, w_.eps, w_.dim, a_.tokens.From(range.begin), normed, {0, range.size()});
  for (const RowRange& asked : queries.ranges()) {
    const RowRange both{std::max(asked.begin, range.begin), std::min(asked.end, range.end)};
    if (both.size() <= 0) continue;
    const RowRange local{both.begin - range.begin, both.end - range.begin};
    MultiplyRows(Stage::kQkv, block.qkv, normed, qkv, local, {0, Ceil(inner, columns)}, Epilogue::kStore, Activation::kNone);
  }
  MultiplyRows(Stage::kQkv, block.qkv, normed, qkv, {0, range.size()}, {inner / columns, block.qkv.panel_count}, Epilogue::kStore,
               Activation::kNone);
}

bool Blocks::Run(const PackedBlock& block, const BlockRows& rows, const PackedBlock* next, const BlockRows& next_rows) const {
  const BlockCounted counted;
  if (!stages_.Attend(a_.heads, a_.qkv, a_.attended, rows.rows)) return false;
  const bool all = rows.rows.count() == a_.heads.tokens, merges = rows.merged > 0;
  if (merges && !Merge(block, rows.merged)) return false;
  const int64_t threads = stages_.team.width();
  if (all && 2 * a_.heads.tokens >= 3 * threads * w_.kernels->gemm.rows) return FinishRows(block, merges, next, next_rows);
  Finish(OverTeam{w_, stages_, merges ? RowSet::All(a_.heads.tokens) : rows.rows}, block, merges, a_.attended, a_.tokens, a_.rows);
  if (next != nullptr) Begin(*next, next_rows);
  return true;
}

// The projection of all rows, and then fewer of them.
bool Blocks::Merge(const PackedBlock& block, int64_t merged) const {
  const RowSet all = RowSet::All(a_.heads.tokens);
  AddProduct(OverTeam{w_, stages_, all}, Stage::kProjection, block.projection, a_.attended, a_.tokens, a_.rows);
  if (!merger_.Merge(stages_, a_.qkv, a_.heads.tokens, merged, &a_.tokens)) return false;
  a_.heads.tokens -= merged, a_.heads.key_bias = merger_.log_sizes();
  return true;
}

bool Blocks::FinishRows(const PackedBlock& block, bool projected, const PackedBlock* next, const BlockRows& next_rows) const {
  const int64_t tokens = a_.heads.tokens, threads = stages_.team.width();
  // As many chunks for each thread, of nearly as many rows.
  const int64_t chunks = Ceil(tokens, threads * kRowsPerChunk) * threads;
  return stages_.team.ForEach(chunks, RowBuffers::Size(w_, tokens / chunks + 1), [&](int64_t chunk, void* scratch) {
    const RowRange range{tokens * chunk / chunks, tokens * (chunk + 1) / chunks};
    RowBuffers buffers;
    buffers.Lay(w_, range.size(), scratch);
    Finish(OnThisThread{w_, range.size()}, block, projected, a_.attended.From(range.begin), a_.tokens.From(range.begin), buffers);
    if (next != nullptr) BeginRows(*next, next_rows.queries, buffers, range);
  });
}

}  // namespace vitrine
