// gemm.h over the register tile, whatever its numbers. Before it: tile.inl, activation.inl, gemm_tall.inl; after it: gemm_float.inl,
// gemm_bf16.inl, gemm_int8.inl, which say how a tile multiplies (Dot) and what becomes of its sums (Finish).

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// A tile's sums on their way to c, still in L1
template <class Dot>
struct TileSums {
  const typename Dot::Out* sums;  // [rows][kColumns], 64-byte aligned
  int64_t row, rows, panel;
};

// The sums of floats and of bf16 need their bias alone
struct PlainFinish {
  Vec bias[kTileVecs];
  PlainFinish(const GemmCall& call, int64_t panel) {
    for (int v = 0; v < kTileVecs; v++) bias[v] = call.bias != nullptr ? Load(call.bias + panel * kColumns + v * kLanes) : Zero();
  }
  Vec Of(const float* sums, int64_t row, int v) const { return Of(Load(sums), row, v); }
  VITRINE_INLINE Vec Of(Vec sum, int64_t, int v) const { return Add(sum, bias[v]); }
};

// body(r, v, sum + bias) for each vector of the tile
template <class Finish, class Dot, class Body>
inline void ForSums(const GemmCall& call, const TileSums<Dot>& tile, Body&& body) {
  const Finish finish(call, tile.panel);
  for (int64_t r = 0; r < tile.rows; r++)
    for (int v = 0; v < kTileVecs; v++) body(r, v, finish.Of(tile.sums + r * kColumns + v * kLanes, tile.row + r, v));
}

// Rows whose sums go through an activation side by side: as many vectors as there are registers for.
template <int rows>
struct Together {};
constexpr int kRowsTogether = kLanes == 16 ? 2 : 1;

template <class Finish, class Result, class Dot>
void FinishStore(const GemmCall& call, const TileSums<Dot>& tile) {
  auto* c = static_cast<typename Result::Value*>(call.c) + tile.row * call.ldc + tile.panel * kColumns;
  WithActivation<Result::kRough>(call.activation, [&](auto tag) {
    const Finish finish(call, tile.panel);
    const auto rows = [&]<int kRows>(int64_t r, Together<kRows>) {
      Vec sums[kRows * kTileVecs];
      VITRINE_EACH(kRows * kTileVecs)
      sums[m] = finish.Of(tile.sums + r * kColumns + m * kLanes, tile.row + r + m / kTileVecs, m % kTileVecs);
      tag.Of(sums);
      VITRINE_EACH(kRows * kTileVecs) Result::Put(c + (r + m / kTileVecs) * call.ldc + m % kTileVecs * kLanes, sums[m]);
    };
    int64_t r = 0;
    for (; r + kRowsTogether <= tile.rows; r += kRowsTogether) rows(r, Together<kRowsTogether>{});
    for (; r < tile.rows; r++) rows(r, Together<1>{});
  });
}

template <class Finish, class Dot>
void FinishResidual(const GemmCall& call, const TileSums<Dot>& tile) {
  float* c = static_cast<float*>(call.c) + tile.row * call.ldc + tile.panel * kColumns;
  const float* scale = call.scale != nullptr ? call.scale + tile.panel * kColumns : nullptr;
  ForSums<Finish>(call, tile, [&](int64_t r, int v, Vec sum) {
    float* at = c + r * call.ldc + v * kLanes;
    Store(at, scale != nullptr ? MulAdd(Load(scale + v * kLanes), sum, Load(at)) : Add(Load(at), sum));
  });
}

template <class Finish, class Result, class Dot>
void FinishGlu(const GemmCall& call, const TileSums<Dot>& tile) {
  static_assert(kTileVecs == 2, "a vector of gates, a vector of values");
  auto* c = static_cast<typename Result::Value*>(call.c) + tile.row * call.ldc + tile.panel * kLanes;
  WithActivation<Result::kRough>(call.activation, [&](auto tag) {
    Vec gate = Zero();
    ForSums<Finish>(call, tile, [&](int64_t r, int v, Vec sum) {
      if (v == 0) {
        gate = sum;
      } else {
        Result::Put(c + r * call.ldc, Mul(tag.Of(gate), sum));
      }
    });
  });
}

template <class Dot, class Finish>
inline void FinishTile(const GemmCall& call, const TileSums<Dot>& tile) {
  const bool bf16 = call.c_number == Number::kBf16;
  switch (call.epilogue) {
    case Epilogue::kStore:
      return bf16 ? FinishStore<Finish, Bf16Result>(call, tile) : FinishStore<Finish, FloatResult>(call, tile);
    case Epilogue::kResidual:
      return FinishResidual<Finish>(call, tile);
    case Epilogue::kGlu:
      return bf16 ? FinishGlu<Finish, Bf16Result>(call, tile) : FinishGlu<Finish, FloatResult>(call, tile);
  }
}

// A part of k whose sums are added to c before the next part's are computed
struct PartOfK {
  int64_t begin, length;
};
constexpr int64_t kPartUnit = 32;

// body(part, call, which has no bias behind the first part)
template <class Body>
inline void ForParts(const GemmCall& call, int64_t longest, Body&& body) {
  if (call.epilogue != Epilogue::kResidual || call.k <= longest) return body(PartOfK{0, call.k}, call);
  const int64_t parts = (call.k + longest - 1) / longest, length = RoundUp((call.k + parts - 1) / parts, kPartUnit);
  GemmCall rest = call;
  rest.bias = nullptr;
  for (int64_t begin = 0; begin < call.k; begin += length)
    body(PartOfK{begin, call.k - begin < length ? call.k - begin : length}, begin == 0 ? call : rest);
}

template <class Dot, class Finish>
void RunGemm(const GemmCall& call) {
  using Left = typename Dot::Left;
  alignas(64) typename Dot::Out sums[kTileRows * kColumns];
  const int64_t length = (call.k + Dot::kUnit - 1) / Dot::kUnit, lda = call.lda / Dot::kUnit;
  const TallTile<Dot>* tall = nullptr;
  if constexpr (Dot::kStaysInRegisters) tall = TallTiles<Dot, Finish>(call);
  for (int64_t panel = call.panel_begin; panel < call.panel_end; panel++) {
    const auto* weights = static_cast<const typename Dot::Right*>(call.panels) + panel * length * kColumns;
    NextPanel<Dot> next(weights, length, call.row_end - call.row_begin);
    ForTiles(call.row_begin, call.row_end, [&](int64_t row, int64_t rows) {
      const Later later = next.Part();
      if (tall != nullptr && rows > kTileRows - kTallHeights) return tall[kTileRows - rows](call, weights, length, row, panel, later);
      const auto* a = static_cast<const Left*>(call.a) + row * lda;
      ForParts(call, Dot::kLongestPart, [&](PartOfK part, const GemmCall& with) {
        const int64_t begin = part.begin / Dot::kUnit, end = (part.begin + part.length + Dot::kUnit - 1) / Dot::kUnit;
        TileRows<Dot>(rows, a + begin, lda, weights + begin * kColumns, end - begin, sums, kColumns, later.From(begin));
        FinishTile<Dot, Finish>(with, {sums, row, rows, panel});
      });
    });
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
