// The register tile: R rows of the left side times one panel of V vectors of columns. Everything that multiplies goes through it
// (gemm.inl, patch_embed.inl, attention.inl), so a row has the same bits whatever tile it falls into.

// VITRINE_UNROLL: whole short loops. VITRINE_NO_UNROLL: a loop over k, whose steps would be mixed and run out of registers.
// VITRINE_UNROLL_K: the same, twice with GCC, where rows are addressed one by one.
#ifdef __clang__
#define VITRINE_UNROLL _Pragma("unroll")
#define VITRINE_NO_UNROLL _Pragma("nounroll")
#define VITRINE_UNROLL_K VITRINE_NO_UNROLL
#elif defined(__GNUC__)
#define VITRINE_UNROLL _Pragma("GCC unroll 16")
#define VITRINE_NO_UNROLL _Pragma("GCC unroll 1")
#define VITRINE_UNROLL_K _Pragma("GCC unroll 2")
#else
#define VITRINE_UNROLL
#define VITRINE_NO_UNROLL
#define VITRINE_UNROLL_K
#endif

// What would go through memory where a compiler makes a call of it
#define VITRINE_INLINE __attribute__((always_inline)) inline

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// A vector is in a register here, and computed before what is kept behind it. Compilers would mix the steps of a loop and run out of
// registers; GCC also stores sums in every step of a loop for an epilogue to read.
template <class V>
VITRINE_INLINE void KeepOrder(V& x) {
#if defined(__x86_64__) || defined(_M_X64)
  asm volatile("" : "+v"(x));
#endif
}

inline int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

constexpr int kTileVecs = 2;
constexpr int kColumns = kTileVecs * kLanes;  // NR
constexpr int64_t kAheadL1 = 24;              // rows of the panel between the multiply and the prefetch into L1

// How a tile multiplies. Left is what one broadcast reads of a row, Right what a lane reads of the panel, Out a sum as it is stored.
struct FloatDot {
  using Left = float;
  using Right = float;
  using Out = float;
  static constexpr bool kStaysInRegisters = false;  // gemm_tall.inl
  static Vec None() { return Zero(); }
  static Vec Value(const float* a) { return Set(*a); }
  static Vec Weights(const float* panel) { return Load(panel); }
  static Vec Step(Vec value, Vec weights, Vec sum) { return MulAdd(value, weights, sum); }
  static void StoreSum(float* out, Vec sum) { Store(out, sum); }
};

// What is multiplied after this panel, and comes from outer caches or from memory: a part of it goes into L2 in each step of k. Bytes a
// step may be fewer than a line has, and then it is asked for several times.
struct Later {
  const char* at;
  int64_t step;
  Later From(int64_t steps) const { return {at + steps * step, step}; }
  VITRINE_INLINE void Fetch() {
    PrefetchL2(reinterpret_cast<const float*>(at));
    at += step;
  }
};
struct NothingLater {
  VITRINE_INLINE void Fetch() {}
};

// The panel behind the one that `rows` rows are being multiplied by, a part for each of their tiles
template <class Dot>
struct NextPanel {
  const char* at;
  int64_t length, step;
  NextPanel(const typename Dot::Right* panel, int64_t panel_length, int64_t rows) : length(panel_length) {
    const int64_t bytes = length * kColumns * int64_t(sizeof(typename Dot::Right)), steps = (rows + kTileRows - 1) / kTileRows * length;
    at = reinterpret_cast<const char*>(panel) + bytes;
    step = steps > 0 ? (bytes + steps - 1) / steps : 0;
  }
  Later Part() {
    const Later part{at, step};
    at += step * length;
    return part;
  }
};

// A tile's sums in registers: sum[r][v] = Σ a[r·lda + i]·panel[i][v] for r < R, v < V, i ascending.
template <class Dot, int R, int V, class After>
VITRINE_INLINE void MultiplyTile(const typename Dot::Left* a, int64_t lda, const typename Dot::Right* panel, int64_t length,
                                 decltype(Dot::None()) (&sum)[R][V], After after) {
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) sum[r][v] = Dot::None();
  }
  // Three rows to a pointer: an address is a register and 0, 1 or 2 strides, and 14 rows leave registers for everything else. The empty
  // assembly keeps the compiler from making a pointer of each row again.
  constexpr int kGroups = (R + 2) / 3;
  const typename Dot::Left* group[kGroups];
  VITRINE_UNROLL
  for (int g = 0; g < kGroups; g++) group[g] = a + 3 * g * lda;
  VITRINE_NO_UNROLL
  for (int64_t i = 0; i < length; i++) {
    decltype(Dot::Weights(panel)) weights[V];
    VITRINE_UNROLL
    for (int g = 0; g < kGroups; g++) asm("" : "+r"(group[g]));
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) {
      weights[v] = Dot::Weights(panel + (i * V + v) * kLanes);
      if (v * kLanes * int64_t(sizeof(*panel)) % 64 == 0)
        PrefetchL1(reinterpret_cast<const float*>(panel + ((i + kAheadL1) * V + v) * kLanes));
    }
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      const auto value = Dot::Value(group[r / 3] + r % 3 * lda);
      VITRINE_UNROLL
      for (int v = 0; v < V; v++) sum[r][v] = Dot::Step(value, weights[v], sum[r][v]);
    }
    after.Fetch();
    VITRINE_UNROLL
    for (int g = 0; g < kGroups; g++) group[g]++;
  }
}

// The same into memory: sums[r·ld_sums + v·kLanes + lane].
template <class Dot, int R, int V, class After>
void Tile(const typename Dot::Left* a, int64_t lda, const typename Dot::Right* panel, int64_t length, typename Dot::Out* sums,
          int64_t ld_sums, After after) {
  decltype(Dot::None()) sum[R][V];
  MultiplyTile<Dot, R, V>(a, lda, panel, length, sum, after);
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) Dot::StoreSum(sums + r * ld_sums + v * kLanes, sum[r][v]);
  }
}

// The tile of that many rows, 1 ≤ rows ≤ kTileRows
template <class Dot, int V = kTileVecs, int R = kTileRows, class After = NothingLater>
void TileRows(int64_t rows, const typename Dot::Left* a, int64_t lda, const typename Dot::Right* panel, int64_t length,
              typename Dot::Out* sums, int64_t ld_sums, After after = {}) {
  if (rows == R) {
    Tile<Dot, R, V>(a, lda, panel, length, sums, ld_sums, after);
  } else if constexpr (R > 1) {
    TileRows<Dot, V, R - 1>(rows, a, lda, panel, length, sums, ld_sums, after);
  }
}

// Rows [begin, end) in ceil(rows / kTileRows) tiles as equal as can be: body(row, rows of the tile)
template <class Body>
inline void ForTiles(int64_t begin, int64_t end, Body&& body) {
  for (int64_t tiles = (end - begin + kTileRows - 1) / kTileRows; tiles > 0; tiles--) {
    const int64_t rows = (end - begin) / tiles;
    body(begin, rows);
    begin += rows;
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
