// The register tile: R rows of the left side times one panel of V vectors of columns. Everything that multiplies goes through it
// (gemm.inl, patch_embed.inl, attention.inl), so a row has the same bits whatever tile it falls into.

// VITRINE_UNROLL: whole short loops. VITRINE_UNROLL_K: the loop over k, twice with GCC (its addressing of 13 rows costs 4% else), not at
// all with Clang, which then mixes the two steps and runs out of registers.
#ifdef __clang__
#define VITRINE_UNROLL _Pragma("unroll")
#define VITRINE_UNROLL_K _Pragma("nounroll")
#elif defined(__GNUC__)
#define VITRINE_UNROLL _Pragma("GCC unroll 16")
#define VITRINE_UNROLL_K _Pragma("GCC unroll 2")
#else
#define VITRINE_UNROLL
#define VITRINE_UNROLL_K
#endif

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int kTileVecs = 2;
constexpr int kColumns = kTileVecs * kLanes;  // NR
constexpr int64_t kAheadL1 = 24;              // rows of the panel between the multiply and the prefetch into L1

// sums[r][n] = Σ a[r·lda + k]·panel[k][n] for r < R, n < V·kLanes, k ascending.
template <int R, int V>
void Tile(const float* a, int64_t lda, const float* panel, int64_t k, float* sums, int64_t ld_sums) {
  Vec sum[R][V];
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) sum[r][v] = Zero();
  }
  VITRINE_UNROLL_K
  for (int64_t i = 0; i < k; i++) {
    Vec weights[V];
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) {
      weights[v] = Load(panel + (i * V + v) * kLanes);
      PrefetchL1(panel + ((i + kAheadL1) * V + v) * kLanes);
    }
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      const Vec value = Set(a[r * lda + i]);
      VITRINE_UNROLL
      for (int v = 0; v < V; v++) sum[r][v] = MulAdd(value, weights[v], sum[r][v]);
    }
  }
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) Store(sums + r * ld_sums + v * kLanes, sum[r][v]);
  }
}

// The tile of that many rows, 1 ≤ rows ≤ kTileRows
template <int V = kTileVecs, int R = kTileRows>
void TileRows(int64_t rows, const float* a, int64_t lda, const float* panel, int64_t k, float* sums, int64_t ld_sums) {
  if (rows == R) {
    Tile<R, V>(a, lda, panel, k, sums, ld_sums);
  } else if constexpr (R > 1) {
    TileRows<V, R - 1>(rows, a, lda, panel, k, sums, ld_sums);
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
