// gemm.h's run_pairs: fp32 products of pairs of rows by one level of Strassen's algorithm. Before it: gemm.inl, whose epilogues finish the
// sums; after it: gemm_float.inl.
//
// A pair of rows has quarters A11 and A12, the halves of its second row, and A21 and A22, those of its first; a pair of panels B11 over B21
// and, half of all panels further, B12 over B22. Winograd's form needs 7 products of quarters in place of 8:
//   S1 = A21 + A22   S2 = S1 − A11   S3 = A11 − A21   S4 = A12 − S2      T1 = B12 − B11   T2 = B22 − T1   T3 = B22 − B12   T4 = B21 − T2
//   U = A11·B11 + S2·T2   V = U + S3·T3   C11 = A11·B11 + A12·B21   C12 = U + S1·T1 + S4·B22   C21 = V + A22·T4   C22 = V + S1·T1
// Nearly every addition of products is a chain of multiply-adds that begins with the sum before instead of 0, and the differences of panels
// are made by the first tile that reads them: subtraction has execution units of its own, which a tile leaves idle.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int64_t kLine = 64 / int64_t(sizeof(float));  // of the cache

struct FloatGemmDot : FloatDot {
  static constexpr int64_t kUnit = 1;
};

// Where a tile's weights come from: a panel, or the difference of two, which is kept. Meanwhile a part of what comes later goes to L2.
struct PanelAsIs {
  const float *panel, *later;
  Vec At(int64_t i, int v) const {
    PrefetchL1(panel + ((i + kAheadL1) * kTileVecs + v) * kLanes);
    if (v == 0) PrefetchL2(later + i * kLine);
    return Load(panel + (i * kTileVecs + v) * kLanes);
  }
};
struct PanelDifference {
  const float *panel, *minus;
  float* kept;
  Vec At(int64_t i, int v) const {
    const int64_t at = (i * kTileVecs + v) * kLanes, ahead = at + kAheadL1 * kColumns;
    PrefetchL1(panel + ahead), PrefetchL1(minus + ahead);
    const Vec weights = Sub(Load(panel + at), Load(minus + at));
    Store(kept + at, weights);
    return weights;
  }
};

// Rows of the left side, or of sums; null sums: 0
template <class T>
struct Strided {
  T* at;
  int64_t stride;
  Strided From(int64_t row) const { return {at != nullptr ? at + row * stride : nullptr, stride}; }
};
using LeftRows = Strided<const float>;
using PairSums = Strided<float>;

// out[r] = from[r] + Σ a[r][i]·panel[i]
template <int R, class Panel>
void PairTile(LeftRows a, Panel panel, int64_t length, PairSums from, PairSums out) {
  Vec sum[R][kTileVecs];
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) sum[r][v] = from.at != nullptr ? Load(from.at + r * from.stride + v * kLanes) : Zero();
  }
  VITRINE_UNROLL_K
  for (int64_t i = 0; i < length; i++) {
    Vec weights[kTileVecs];
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) weights[v] = panel.At(i, v);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      const Vec value = Set(a.at[r * a.stride + i]);
      VITRINE_UNROLL
      for (int v = 0; v < kTileVecs; v++) sum[r][v] = MulAdd(value, weights[v], sum[r][v]);
    }
  }
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) Store(out.at + r * out.stride + v * kLanes, sum[r][v]);
  }
}

template <class Panel, int R = kTileRows>
void PairTileRows(int64_t rows, LeftRows a, Panel panel, int64_t length, PairSums from, PairSums out) {
  if (rows == R) {
    PairTile<R>(a, panel, length, from, out);
  } else if constexpr (R > 1) {
    PairTileRows<Panel, R - 1>(rows, a, panel, length, from, out);
  }
}

// The part of `later` that one of the tiles of a product fetches: lines, as many as its steps.
inline const float* Part(const float* later, int64_t tile, int64_t length, const float* otherwise) {
  return tile < kColumns / kLine ? later + tile * length * kLine : otherwise;
}

// All rows times a panel of `length`. `later`: another one, fetched meanwhile.
void MultiplyPanel(int64_t rows, LeftRows a, const float* panel, int64_t length, PairSums from, PairSums out, const float* later) {
  int64_t tile = 0;
  ForTiles(0, rows, [&](int64_t row, int64_t count) {
    PairTileRows(count, a.From(row), PanelAsIs{panel, Part(later, tile++, length, panel)}, length, from.From(row), out.From(row));
  });
}
// The same times panel − minus, which is kept for the tiles behind the first.
void MultiplyDifference(int64_t rows, LeftRows a, PanelDifference panel, int64_t length, PairSums from, PairSums out, const float* later) {
  int64_t tile = -1;
  ForTiles(0, rows, [&](int64_t row, int64_t count) {
    if (tile++ < 0) return PairTileRows(count, a, panel, length, from, out);
    PairTileRows(count, a.From(row), PanelAsIs{panel.kept, Part(later, tile - 1, length, panel.kept)}, length, from.From(row),
                 out.From(row));
  });
}

void AddSums(int64_t rows, PairSums x, PairSums y, PairSums out) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t n = 0; n < kColumns; n += kLanes)
      Store(out.at + row * out.stride + n, Add(Load(x.at + row * x.stride + n), Load(y.at + row * y.stride + n)));
}

// The scratch of a call, one thing after the other
struct PairScratch {
  int64_t stride;       // of the rows of s
  float* s[4];          // S1 … S4 [pairs, K/2], S4 with a row before it for a row without partner
  float* t[2];          // differences of panels [K/2, kColumns]
  float *left, *right;  // sums of both panels [rows + 1, kColumns], in the order of the rows of c
  float* u;             // U, V [pairs, kColumns]
  int64_t bytes;

  PairScratch(void* memory, int64_t half, int64_t rows) {
    const int64_t lines = (half * int64_t(sizeof(float)) + 63) / 64, pairs = rows / 2;
    stride = (lines + 1 - lines % 2) * 64 / int64_t(sizeof(float));  // an odd number of cache lines
    int64_t floats = 0;
    const auto take = [&](int64_t count) {
      const int64_t at = floats;
      floats += RoundUp(count, 64 / int64_t(sizeof(float)));
      return memory != nullptr ? static_cast<float*>(memory) + at : nullptr;
    };
    for (float*& each : s) each = take((pairs + 1) * stride);
    for (float*& each : t) each = take(half * kColumns);
    left = take((rows + 1) * kColumns), right = take((rows + 1) * kColumns);
    u = take(pairs * kColumns);
    bytes = floats * int64_t(sizeof(float));
  }
};

int64_t PairScratchBytes(int64_t k, int64_t rows) { return PairScratch(nullptr, k / 2, rows).bytes; }

// S1 … S4 of a pair whose first row is `first`
void SumQuarters(const float* first, int64_t lda, int64_t half, float* s1, float* s2, float* s3, float* s4) {
  const float *a21 = first, *a22 = a21 + half, *a11 = first + lda, *a12 = a11 + half;
  for (int64_t i = 0; i < half; i += kLanes) {
    const auto load = [&](const float* p) { return i + kLanes <= half ? Load(p + i) : LoadPart(p + i, half - i); };
    const Vec x11 = load(a11), x21 = load(a21), sum1 = Add(x21, load(a22)), sum2 = Sub(sum1, x11);
    Store(s1 + i, sum1), Store(s2 + i, sum2), Store(s3 + i, Sub(x11, x21)), Store(s4 + i, Sub(load(a12), sum2));
  }
}

void RunPairs(const PairCall& call) {
  const GemmCall& gemm = call.gemm;
  const int64_t rows = gemm.row_end - gemm.row_begin, pairs = rows / 2, half = gemm.k / 2, lda = gemm.lda;
  if (rows <= 0) return;
  // A row without partner goes with the second rows, where C11 and C12 are computed: its sums are those of gemm.run.
  const int64_t alone = rows % 2, second = pairs + alone;
  const PairScratch scratch(call.scratch, half, rows);
  const float* a = static_cast<const float*>(gemm.a) + gemm.row_begin * lda;
  const float* paired = a + alone * lda;
  float* s4 = scratch.s[3] + scratch.stride;
  for (int64_t p = 0; p < pairs; p++) {
    const int64_t at = p * scratch.stride;
    SumQuarters(paired + 2 * p * lda, lda, half, scratch.s[0] + at, scratch.s[1] + at, scratch.s[2] + at, s4 + at);
  }
  if (alone == 1) __builtin_memcpy(s4 - scratch.stride, a + half, size_t(half) * sizeof(float));

  // Row 0 of the sums is that of the row without partner, or of nothing.
  constexpr int64_t kBoth = 2 * kColumns;
  const PairSums none{nullptr, 0}, u{scratch.u, kColumns};
  const PairSums c21{scratch.left + kColumns, kBoth}, c22{scratch.right + kColumns, kBoth};
  const PairSums c11{scratch.left + kBoth, kBoth}, c12{scratch.right + kBoth, kBoth};
  const PairSums c11_all = c11.From(-alone), c12_all = c12.From(-alone);
  const LeftRows a11{paired + lda, 2 * lda}, a22{paired + half, 2 * lda};
  const LeftRows a11_all = a11.From(-alone), a12_all{a11_all.at + half, 2 * lda};
  const LeftRows s1{scratch.s[0], scratch.stride}, s2{scratch.s[1], scratch.stride}, s3{scratch.s[2], scratch.stride};
  const LeftRows s4_all{s4 - alone * scratch.stride, scratch.stride};

  for (int64_t panel = gemm.panel_begin; panel < gemm.panel_end; panel++) {
    const int64_t other = panel + call.panel_count / 2, panel_floats = gemm.k * kColumns;
    const float *b11 = static_cast<const float*>(gemm.panels) + panel * panel_floats, *b21 = b11 + half * kColumns;
    const float *b12 = static_cast<const float*>(gemm.panels) + other * panel_floats, *b22 = b12 + half * kColumns;
    const auto [t, t2] = scratch.t;
    const float* next = b11 + panel_floats;
    MultiplyPanel(second, a11_all, b11, half, none, c11_all, b12);
    MultiplyDifference(pairs, s1, {b12, b11, t}, half, none, c22, b22);
    MultiplyDifference(pairs, s2, {b22, t, t2}, half, c11, u, b21);
    MultiplyPanel(second, a12_all, b21, half, c11_all, c11_all, b22);
    AddSums(pairs, u, c22, c12);
    if (alone == 1) MultiplyPanel(1, a11_all, b12, half, none, c12_all, b12);
    MultiplyPanel(second, s4_all, b22, half, c12_all, c12_all, b12);
    MultiplyDifference(pairs, s3, {b22, b12, t}, half, u, u, b21);
    AddSums(pairs, c22, u, c22);
    MultiplyDifference(pairs, a22, {b21, t2, t}, half, u, c21, next);
    const int64_t skipped = (1 - alone) * kColumns;
    FinishTile<FloatGemmDot, PlainFinish>(gemm, {scratch.left + skipped, gemm.row_begin, rows, panel});
    FinishTile<FloatGemmDot, PlainFinish>(gemm, {scratch.right + skipped, gemm.row_begin, rows, other});
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
