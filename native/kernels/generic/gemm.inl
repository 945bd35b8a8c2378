// gemm.h over the register tile. Before it: tile.inl, activation.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// A tile's sums on their way to c, still in L1
struct TileSums {
  float* sums;  // [rows][kColumns], 64-byte aligned
  int64_t row, rows, panel;
};

// body(r, v, sum + bias) for each vector of the tile
template <class Body>
inline void ForSums(const GemmCall& call, const TileSums& tile, Body&& body) {
  Vec bias[kTileVecs];
  for (int v = 0; v < kTileVecs; v++) bias[v] = call.bias != nullptr ? Load(call.bias + tile.panel * kColumns + v * kLanes) : Zero();
  for (int64_t r = 0; r < tile.rows; r++)
    for (int v = 0; v < kTileVecs; v++) body(r, v, Add(Load(tile.sums + r * kColumns + v * kLanes), bias[v]));
}

void FinishStore(const GemmCall& call, const TileSums& tile) {
  float* c = call.c + tile.row * call.ldc + tile.panel * kColumns;
  WithActivation(call.activation, [&](auto tag) {
    ForSums(call, tile, [&](int64_t r, int v, Vec sum) { Store(c + r * call.ldc + v * kLanes, tag.Of(sum)); });
  });
}

void FinishResidual(const GemmCall& call, const TileSums& tile) {
  float* c = call.c + tile.row * call.ldc + tile.panel * kColumns;
  const float* scale = call.scale != nullptr ? call.scale + tile.panel * kColumns : nullptr;
  ForSums(call, tile, [&](int64_t r, int v, Vec sum) {
    float* at = c + r * call.ldc + v * kLanes;
    Store(at, scale != nullptr ? MulAdd(Load(scale + v * kLanes), sum, Load(at)) : Add(Load(at), sum));
  });
}

void FinishGlu(const GemmCall& call, const TileSums& tile) {
  static_assert(kTileVecs == 2, "a vector of gates, a vector of values");
  float* c = call.c + tile.row * call.ldc + tile.panel * kLanes;
  WithActivation(call.activation, [&](auto tag) {
    Vec gate = Zero();
    ForSums(call, tile, [&](int64_t r, int v, Vec sum) {
      if (v == 0) {
        gate = sum;
      } else {
        Store(c + r * call.ldc, Mul(tag.Of(gate), sum));
      }
    });
  });
}

void RunGemm(const GemmCall& call) {
  alignas(64) float sums[kTileRows * kColumns];
  for (int64_t panel = call.panel_begin; panel < call.panel_end; panel++) {
    const float* weights = call.panels + panel * call.k * kColumns;
    ForTiles(call.row_begin, call.row_end, [&](int64_t row, int64_t rows) {
      TileRows(rows, call.a + row * call.lda, call.lda, weights, call.k, sums, kColumns);
      const TileSums tile{sums, row, rows, panel};
      switch (call.epilogue) {
        case Epilogue::kStore:
          return FinishStore(call, tile);
        case Epilogue::kResidual:
          return FinishResidual(call, tile);
        case Epilogue::kGlu:
          return FinishGlu(call, tile);
      }
    });
  }
}

void PackPanel(const float* const* rows, int64_t k, float* panel) {
  int64_t present = 0;
  while (present < kColumns && rows[present] != nullptr) present++;
  bool tail_only = true;
  for (int64_t n = present; n < kColumns; n++) tail_only = tail_only && rows[n] == nullptr;
  if (tail_only) return PackColumns(rows, present, kColumns, k, panel);
  for (int64_t i = 0; i < k; i++)
    for (int64_t n = 0; n < kColumns; n++) panel[i * kColumns + n] = rows[n] != nullptr ? rows[n][i] : 0;
}

constexpr Gemm kGemm = {.rows = kTileRows, .columns = kColumns, .pack_panel = PackPanel, .run = RunGemm};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
