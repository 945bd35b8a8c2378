// Tall tiles of the epilogues that blocks use most: their sums never leave the registers, which saves a store and a load of each. All
// others go through memory (gemm.inl), as a function for each height and epilogue is much code. Before it: tile.inl, activation.inl; after
// it: gemm.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int kTallHeights = 3;  // calls of 85 rows or more have no shorter tiles of 14

// Results as they are stored. kRough: an activation need not be better than they are.
struct FloatResult {
  using Value = float;
  static constexpr bool kRough = false;
  static void Put(float* c, Vec x) { Store(c, x); }
  static void Put(float* c, Vec a, Vec b) { Store(c, a), Store(c + kLanes, b); }
};
struct Bf16Result {
  using Value = uint16_t;
  static constexpr bool kRough = true;
  static void Put(uint16_t* c, Vec x) { StoreBf16(c, x); }
  static void Put(uint16_t* c, Vec a, Vec b) { StoreBf16(c, a, b); }
};

// c = activation(sum)
template <class Result, Activation kind>
struct StoreRows {
  template <int R>
  VITRINE_INLINE static void Fetch(const GemmCall&, int64_t, int64_t) {}
  template <class Finish, class Sum, int R>
  VITRINE_INLINE static void Put(const GemmCall& call, int64_t row, int64_t panel, const Sum (&sum)[R][kTileVecs]) {
    auto* c = static_cast<typename Result::Value*>(call.c) + row * call.ldc + panel * kColumns;
    const Finish finish(call, panel);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      Vec x[kTileVecs];
      VITRINE_EACH(kTileVecs) x[m] = finish.Of(sum[r][m], row + r, m);
      ActivationTag<kind, Result::kRough>::Of(x);
      Result::Put(c + r * call.ldc, x[0], x[1]);
    }
  }
};

// c += scale · sum
template <bool scaled>
struct AddRows {
  // What the sums are added to has left L1, often L2 too, since the tile's rows were written.
  template <int R>
  VITRINE_INLINE static void Fetch(const GemmCall& call, int64_t row, int64_t panel) {
    const float* c = static_cast<const float*>(call.c) + row * call.ldc + panel * kColumns;
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) VITRINE_EACH(kTileVecs) PrefetchL1(c + r * call.ldc + m * kLanes);
  }
  template <class Finish, class Sum, int R>
  VITRINE_INLINE static void Put(const GemmCall& call, int64_t row, int64_t panel, const Sum (&sum)[R][kTileVecs]) {
    float* c = static_cast<float*>(call.c) + row * call.ldc + panel * kColumns;
    const Finish finish(call, panel);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      VITRINE_EACH(kTileVecs) {
        float* at = c + r * call.ldc + m * kLanes;
        const Vec x = finish.Of(sum[r][m], row + r, m);
        Store(at, scaled ? MulAdd(Load(call.scale + panel * kColumns + m * kLanes), x, Load(at)) : Add(Load(at), x));
      }
    }
  }
};

template <class Dot>
using TallTile = void (*)(const GemmCall& call, const typename Dot::Right* weights, int64_t length, int64_t row, int64_t panel,
                          Later later);

template <class Dot, class Finish, class Rows, int R>
void RunTallTile(const GemmCall& call, const typename Dot::Right* weights, int64_t length, int64_t row, int64_t panel, Later later) {
  const int64_t lda = call.lda / Dot::kUnit;
  decltype(Dot::None()) sum[R][kTileVecs];
  Rows::template Fetch<R>(call, row, panel);
  MultiplyTile<Dot, R, kTileVecs>(static_cast<const typename Dot::Left*>(call.a) + row * lda, lda, weights, length, sum, later);
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) VITRINE_EACH(kTileVecs) KeepOrder(sum[r][m]);
  Rows::template Put<Finish>(call, row, panel, sum);
}

// By how many rows a tile has less than the most
template <class Dot, class Finish, class Rows>
constexpr TallTile<Dot> kTallTiles[kTallHeights] = {RunTallTile<Dot, Finish, Rows, kTileRows>,
                                                    RunTallTile<Dot, Finish, Rows, kTileRows - 1>,
                                                    RunTallTile<Dot, Finish, Rows, kTileRows - 2>};

// Those of the call's epilogue, or null
template <class Dot, class Finish>
const TallTile<Dot>* TallTiles(const GemmCall& call) {
  if (call.epilogue == Epilogue::kResidual)
    return call.scale != nullptr ? kTallTiles<Dot, Finish, AddRows<true>> : kTallTiles<Dot, Finish, AddRows<false>>;
  if (call.epilogue != Epilogue::kStore) return nullptr;
  if (call.c_number == Number::kF32)
    return call.activation == Activation::kNone ? kTallTiles<Dot, Finish, StoreRows<FloatResult, Activation::kNone>> : nullptr;
  if (call.activation == Activation::kNone) return kTallTiles<Dot, Finish, StoreRows<Bf16Result, Activation::kNone>>;
  if (call.activation == Activation::kGelu) return kTallTiles<Dot, Finish, StoreRows<Bf16Result, Activation::kGelu>>;
  return nullptr;
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
