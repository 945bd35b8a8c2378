// The steps behind block.h, written once for both ways of running them.
#include "block.h"

#include <algorithm>

#include "counters.h"

namespace vitrine {
namespace {

// A panel is read once per chunk, from the cache that holds the weights, or from memory: an image of 224 pixels whole (197 rows) takes 0.5
// to 1.2 % less time than in halves, although what lies between two steps then leaves L2; in quarters it takes 1 % more.
constexpr int64_t kRowsPerChunk = 200;

// Rows in pairs take 1.06 to 1.1 times as much per row where there are 25 of them, as much where there are 45, and less with more.
constexpr int64_t kFewestPatchesInPairs = 96;
constexpr int64_t kFewestRowsInPairs = 48;

// Counts a block as running for as long as it lives.
struct BlockCounted {
  BlockCounted() { counters.blocks_begun++, counters.blocks_running++; }
  ~BlockCounted() { counters.blocks_running--; }
};

// The steps as phases of a team over the rows of a set. False: no memory.
struct OverTeam {
  const Weights& w;
  const Stages& stages;
  const RowSet& rows;
  int64_t first_pair;
  void Norm(const PackedNorm& norm, Matrix x, Matrix y) const { stages.Norm(norm, w.eps, w.dim, x, y, rows); }
  void Quantize(Matrix x, int64_t dim, Matrix y) const { stages.Quantize(x, dim, y, rows); }
  bool Multiply(const Product& product) const {
    if (product.linear.in_pairs) return stages.MultiplyInPairs(product, rows, first_pair);
    stages.Multiply(product, rows, AllPanels(product.linear));
    return true;
  }
};

// The steps on this thread; matrices begin with the first of the rows.
struct OnThisThread {
  const Weights& w;
  int64_t rows, first_pair;
  void* scratch;  // of products in pairs
  void Norm(const PackedNorm& norm, Matrix x, Matrix y) const { NormRows(*w.kernels, norm, w.eps, w.dim, x, y, {0, rows}); }
  void Quantize(Matrix x, int64_t dim, Matrix y) const { QuantizeRows(*w.kernels, x, dim, y, {0, rows}); }
  bool Multiply(const Product& product) const {
    if (product.linear.in_pairs) {
      MultiplyPairs(product, {0, rows}, first_pair, {0, product.linear.panel_count / 2}, scratch);
    } else {
      MultiplyRows(product, {0, rows}, AllPanels(product.linear));
    }
    return true;
  }
};

// tokens += a · weightᵀ, LayerScale included
template <class Over>
bool AddProduct(const Over& over, Stage stage, const PackedLinear& linear, Matrix a, Matrix tokens, const RowBuffers& buffers) {
  if (linear.gemm->input == Number::kU8) {
    over.Quantize(a, linear.k, buffers.AsBytes(a));
    a = buffers.AsBytes(a);
  }
  return over.Multiply({stage, linear, a, tokens, Epilogue::kResidual});
}

// `projected`: the projection of `attended` is in the tokens already
template <class Over>
bool Finish(const Over& over, const PackedBlock& block, bool projected, Matrix attended, Matrix tokens, const RowBuffers& buffers) {
  if (!projected && !AddProduct(over, Stage::kProjection, block.projection, attended, tokens, buffers)) return false;

  const Matrix normed = buffers.Normed(block.fc1.gemm->input);
  // What is quantised next need not be better than bf16.
  const Number next = block.fc2.gemm->input;
  const Matrix hidden = buffers.Hidden(next == Number::kF32 ? Number::kF32 : Number::kBf16);
  over.Norm(block.norm2, tokens, normed);
  const Epilogue epilogue = over.w.glu ? Epilogue::kGlu : Epilogue::kStore;
  return over.Multiply({Stage::kFc1, block.fc1, normed, hidden, epilogue, over.w.activation}) &&
         AddProduct(over, Stage::kFc2, block.fc2, hidden, tokens, buffers);
}

}  // namespace

int64_t RowBuffers::Lay(const Weights& w, int64_t rows, void* memory) {
  const int64_t columns = w.kernels->gemm.columns, inner = w.heads * w.head_dim;
  normed_stride = PaddedStride(w.dim, columns);
  hidden_stride = PaddedStride(std::max(inner, w.mlp_width), columns);
  // Half of such a row becomes bytes: with four lines more than whole ones, those of a tile's rows are spread over all sets of L1.
  if (w.precision == Precision::kInt8) hidden_stride = (Ceil(std::max(inner, w.mlp_width), 32) + 4) * 32;
  Pieces pieces(memory);
  const bool floats = w.precision == Precision::kFp32 || w.kernels->gemm_bf16.input == Number::kF32;
  const int64_t widest = BytesOf(floats ? Number::kF32 : Number::kBf16);
  normed = pieces.Take(rows * normed_stride * widest);
  hidden = pieces.Take(rows * hidden_stride * widest);
  scale = static_cast<float*>(pieces.Take(rows * int64_t(sizeof(float))));
  zero = static_cast<int32_t*>(pieces.Take(rows * int64_t(sizeof(int32_t))));
  return pieces.taken();
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
  if (!w.blocks.empty() && w.blocks.back().class_rows > 0) {
    // Where the norm's rows are floats, they are those that the other rows' products read.
    class_rows.x = rows.Normed(Number::kF32);
    if (w.blocks.back().qkv.gemm->input != Number::kF32) class_rows.x.data = arena.Array<float>(token_count * class_rows.x.stride);
    class_rows.weights = arena.Array<float>(w.heads * token_count);
    if (class_rows.x.data == nullptr || class_rows.weights == nullptr) return false;
  }
  heads = {.count = w.heads,
           .head_dim = w.head_dim,
           .tokens = token_count,
           .attention = &attention,
           .key_panels = arena.Allocate(w.heads * attention.key_bytes(token_count, w.head_dim)),
           .value_panels = arena.Allocate(w.heads * attention.value_bytes(token_count, w.head_dim))};
  return heads.key_panels != nullptr && heads.value_panels != nullptr;
}

int64_t Blocks::FirstPair(int64_t tokens) const { return tokens - w_.prefix_rows < kFewestPatchesInPairs ? tokens : w_.prefix_rows; }

// What `rows` of a block need of its qkv.
struct Blocks::Wanted {
  bool classes;              // the norm of all rows as floats, for class rows
  bool keys;                 // keys and values of all rows
  bool floats;               // the product reads the floats of `classes`
  PanelRange queries, rest;  // panels of the queries, of keys and values
};

Blocks::Wanted Blocks::Want(const PackedBlock& block, const BlockRows& rows) const {
  const int64_t inner = w_.heads * w_.head_dim, columns = block.qkv.gemm->columns;
  const bool classes = rows.queries.Touches({0, block.class_rows});
  return {.classes = classes,
          .keys = rows.ReadKeys(block),
          .floats = classes && block.qkv.gemm->input == Number::kF32,
          .queries = {0, Ceil(inner, columns)},
          .rest = {inner / columns, block.qkv.panel_count}};
}

bool Blocks::ByHead(const PackedBlock& block, const BlockRows& rows) const {
  return block.by_head && rows.merged == 0 && a_.heads.count % stages_.team.width() == 0;
}

bool Blocks::Begin(const PackedBlock& block, const BlockRows& rows) const {
  const RowSet all = RowSet::All(a_.heads.tokens);
  a_.by_head = ByHead(block, rows);
  if (block.by_head) {
    const Matrix normed = a_.rows.Normed(block.qkv.gemm->input);
    stages_.Norm(block.norm1, w_.eps, w_.dim, a_.tokens, normed, all);
    if (!a_.by_head) stages_.Multiply({Stage::kQkv, block.qkv, normed, a_.qkv, Epilogue::kStore}, all, AllPanels(block.qkv));
    return true;
  }
  const Wanted wanted = Want(block, rows);
  const Matrix x = a_.class_rows.x, normed = wanted.floats ? x : a_.rows.Normed(block.qkv.gemm->input);
  if (wanted.classes) stages_.Norm(block.norm1, w_.eps, w_.dim, a_.tokens, x, all);
  if (!wanted.floats) stages_.Norm(block.norm1, w_.eps, w_.dim, a_.tokens, normed, wanted.keys ? all : rows.queries);
  const Product qkv{Stage::kQkv, block.qkv, normed, a_.qkv, Epilogue::kStore};
  if (block.qkv.in_pairs) return stages_.MultiplyInPairs(qkv, all, FirstPair(a_.heads.tokens));
  stages_.Multiply(qkv, rows.queries, wanted.keys ? AllPanels(block.qkv) : wanted.queries);
  if (wanted.keys) stages_.Multiply(qkv, rows.queries.Rest(a_.heads.tokens), wanted.rest);
  return true;
}

// The same for the rows of a range, whose buffers are `buffers`.
void Blocks::BeginRows(const PackedBlock& block, const BlockRows& rows, const RowBuffers& buffers, RowRange range, int64_t first_pair,
                       void* scratch) const {
  const OnThisThread here{w_, range.size(), first_pair, scratch};
  const Matrix tokens = a_.tokens.From(range.begin);
  if (block.by_head) {
    const Number number = block.qkv.gemm->input;
    const Matrix normed = a_.by_head ? a_.rows.Normed(number).From(range.begin) : buffers.Normed(number);
    here.Norm(block.norm1, tokens, normed);
    if (!a_.by_head) static_cast<void>(here.Multiply({Stage::kQkv, block.qkv, normed, a_.qkv.From(range.begin), Epilogue::kStore}));
    return;
  }
  const Wanted wanted = Want(block, rows);
  const Matrix x = a_.class_rows.x.From(range.begin);
  const Matrix normed = wanted.floats ? x : buffers.Normed(block.qkv.gemm->input);
  if (wanted.classes) here.Norm(block.norm1, tokens, x);
  if (wanted.keys && !wanted.floats) here.Norm(block.norm1, tokens, normed);
  const Product qkv{Stage::kQkv, block.qkv, normed, a_.qkv.From(range.begin), Epilogue::kStore};
  if (block.qkv.in_pairs) return static_cast<void>(here.Multiply(qkv));
  for (const RowRange& asked : rows.queries.ranges()) {
    const RowRange both{std::max(asked.begin, range.begin), std::min(asked.end, range.end)};
    if (both.size() <= 0) continue;
    const RowRange local{both.begin - range.begin, both.end - range.begin};
    if (!wanted.keys && !wanted.floats) NormRows(*w_.kernels, block.norm1, w_.eps, w_.dim, tokens, normed, local);
    MultiplyRows(qkv, local, wanted.queries);
  }
  if (wanted.keys) MultiplyRows(qkv, {0, range.size()}, wanted.rest);
}

bool Blocks::Run(const PackedBlock& block, const BlockRows& rows, const PackedBlock* next, const BlockRows& next_rows) const {
  const BlockCounted counted;
  a_.heads.by_head = block.by_head;
  if (!AttendClassRows(stages_, block, a_.heads, w_.dim, a_.class_rows, a_.qkv, a_.attended, rows.queries)) return false;
  if (a_.by_head) {
    if (!stages_.AttendByHead(a_.heads, block.qkv, a_.rows.Normed(block.qkv.gemm->input), a_.attended, rows.rows)) return false;
  } else if (rows.ReadKeys(block)) {
    if (!stages_.Attend(a_.heads, a_.qkv, a_.attended, rows.rows.From(block.class_rows))) return false;
  }
  const bool all = rows.rows.count() == a_.heads.tokens, merges = rows.merged > 0;
  if (merges && !Merge(block, rows.merged)) return false;
  const int64_t threads = stages_.team.width();
  const int64_t fewest = block.fc1.in_pairs ? kFewestRowsInPairs : Ceil(3 * w_.kernels->gemm.rows, 2);
  if (all && a_.heads.tokens >= threads * fewest) return FinishRows(block, merges, next, next_rows);
  const OverTeam over{w_, stages_, merges ? RowSet::All(a_.heads.tokens) : rows.rows, FirstPair(a_.heads.tokens)};
  return Finish(over, block, merges, a_.attended, a_.tokens, a_.rows) && (next == nullptr || Begin(*next, next_rows));
}

// The projection of all rows, and then fewer of them.
bool Blocks::Merge(const PackedBlock& block, int64_t merged) const {
  const RowSet all = RowSet::All(a_.heads.tokens);
  const OverTeam over{w_, stages_, all, FirstPair(a_.heads.tokens)};
  if (!AddProduct(over, Stage::kProjection, block.projection, a_.attended, a_.tokens, a_.rows)) return false;
  if (!merger_.Merge(stages_, a_.heads, a_.qkv, merged, &a_.tokens)) return false;
  a_.heads.tokens -= merged, a_.heads.key_bias = merger_.log_sizes();
  return true;
}

bool Blocks::FinishRows(const PackedBlock& block, bool projected, const PackedBlock* next, const BlockRows& next_rows) const {
  const int64_t tokens = a_.heads.tokens, threads = stages_.team.width(), first_pair = FirstPair(tokens);
  // As many chunks for each thread, of nearly as many rows, cut between pairs.
  const int64_t chunks = Ceil(tokens, threads * kRowsPerChunk) * threads, most_rows = tokens / chunks + 3;
  const auto cut = [&](int64_t chunk) {
    const int64_t row = tokens * chunk / chunks;
    return row > first_pair && row < tokens ? first_pair + (row - first_pair + 1) / 2 * 2 : row;
  };
  int64_t pair_bytes = next != nullptr ? PairScratchBytes(next->qkv, most_rows) : 0;
  for (const PackedLinear* linear : {&block.projection, &block.fc1, &block.fc2})
    pair_bytes = std::max(pair_bytes, PairScratchBytes(*linear, most_rows));
  const int64_t row_bytes = RowBuffers::Size(w_, most_rows);
  a_.by_head = next != nullptr && ByHead(*next, next_rows);
  return stages_.team.ForEach(chunks, row_bytes + pair_bytes, [&](int64_t chunk, void* scratch) {
    const RowRange range{cut(chunk), cut(chunk + 1)};
    void* pair_scratch = static_cast<std::byte*>(scratch) + row_bytes;
    const int64_t first = std::max<int64_t>(first_pair - range.begin, 0);
    RowBuffers buffers;
    buffers.Lay(w_, range.size(), scratch);
    const OnThisThread over{w_, range.size(), first, pair_scratch};
    static_cast<void>(Finish(over, block, projected, a_.attended.From(range.begin), a_.tokens.From(range.begin), buffers));
    if (next != nullptr) BeginRows(*next, next_rows, buffers, range, first, pair_scratch);
  });
}

}  // namespace vitrine
