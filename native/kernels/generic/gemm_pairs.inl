// gemm.h's run_pairs: fp32 products of pairs of rows by one level of Strassen's algorithm. Before it: gemm.inl, whose epilogues finish the
// sums; after it: gemm_float.inl.
//
// A pair of rows has quarters A11 and A12, the halves of its second row, and A21 and A22, those of its first; a pair of panels B11 over B21
// and, half of all panels further, B12 over B22. (Of a part of k where there are several: gemm.inl.) Winograd's form needs 7 products of
// quarters in place of 8:
//   S1 = A21 + A22   S2 = S1 − A11   S3 = A11 − A21   S4 = A12 − S2      T1 = B12 − B11   T2 = B22 − T1   T3 = B22 − B12   T4 = B21 − T2
//   U = A11·B11 + S2·T2   V = U + S3·T3   C11 = A11·B11 + A12·B21   C12 = U + S1·T1 + S4·B22   C21 = V + A22·T4   C22 = V + S1·T1
// Nearly every addition of products is a chain of multiply-adds that begins with the sum before instead of 0, and the differences of panels
// are made by the first tile that reads them: subtraction has execution units of its own, which a tile leaves idle.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int64_t kLine = 64 / int64_t(sizeof(float));  // of the cache

struct FloatGemmDot : FloatDot {
  static constexpr int64_t kUnit = 1;
  static constexpr int64_t kLongestPart = 768;  // the seven left sides of 98 pairs (below) are then a megabyte: they stay in L2
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

// Rows of sums; null: 0
struct PairSums {
  float* at;
  int64_t stride;
  PairSums From(int64_t row) const { return {at != nullptr ? at + row * stride : nullptr, stride}; }
};

// A left side as its tiles read it: tile by tile (ForTiles), and in a tile of R rows [length / kQuad][R][kQuad]. A tile is then one stream
// of lines that are needed for a few steps each, and all rows of a step are at constant distances from one address. That leaves a core that
// is shared with another thread fewer instructions to share, and less to keep in L1. Every other row is broadcast by the multiply-add
// itself: all of them would need more loads than a CPU of two a cycle has.
constexpr int64_t kQuad = 4;
struct QuadRows {
  float* at;
  int64_t rows, stride;  // a row's floats, up to whole vectors of any ISA
  float* Tile(int64_t first) const { return at + first * stride; }
};

// out[r] = from[r] + Σ a[r][i]·panel[i]
template <int R, class Panel>
void PairTile(const float* a, Panel panel, int64_t length, PairSums from, PairSums out) {
  Vec sum[R][kTileVecs];
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) sum[r][v] = from.at != nullptr ? Load(from.at + r * from.stride + v * kLanes) : Zero();
  }
  const auto step = [&](int64_t i, int64_t u) __attribute__((always_inline)) {
    Vec weights[kTileVecs];
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) weights[v] = panel.At(i + u, v);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      const float* value = a + r * kQuad + u;
      VITRINE_UNROLL
      for (int v = 0; v < kTileVecs; v++)
        sum[r][v] = r % 2 == 1 ? MulAddFrom(value, weights[v], sum[r][v]) : MulAdd(Set(*value), weights[v], sum[r][v]);
    }
  };
  int64_t i = 0;
  VITRINE_NO_UNROLL
  for (; i + kQuad <= length; i += kQuad, a += R * kQuad) {
    asm("" : "+r"(a));
    VITRINE_UNROLL
    for (int u = 0; u < kQuad; u++) step(i, u);
  }
  VITRINE_NO_UNROLL
  for (int64_t u = 0; i + u < length; u++) step(i, u);
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) Store(out.at + r * out.stride + v * kLanes, sum[r][v]);
  }
}

template <class Panel, int R = kTileRows>
void PairTileRows(int64_t rows, const float* a, Panel panel, int64_t length, PairSums from, PairSums out) {
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
void MultiplyPanel(QuadRows a, const float* panel, int64_t length, PairSums from, PairSums out, const float* later) {
  int64_t tile = 0;
  ForTiles(0, a.rows, [&](int64_t row, int64_t count) {
    PairTileRows(count, a.Tile(row), PanelAsIs{panel, Part(later, tile++, length, panel)}, length, from.From(row), out.From(row));
  });
}
// The same times panel − minus, which is kept for the tiles behind the first.
void MultiplyDifference(QuadRows a, PanelDifference panel, int64_t length, PairSums from, PairSums out, const float* later) {
  int64_t tile = -1;
  ForTiles(0, a.rows, [&](int64_t row, int64_t count) {
    if (tile++ < 0) return PairTileRows(count, a.Tile(row), panel, length, from, out);
    PairTileRows(count, a.Tile(row), PanelAsIs{panel.kept, Part(later, tile - 1, length, panel.kept)}, length, from.From(row),
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
  QuadRows a11, a12, s4;     // [pairs, K/2], a row without partner before them
  QuadRows a22, s1, s2, s3;  // [pairs, K/2]
  float* t[2];               // differences of panels [K/2, kColumns]
  float *left, *right;       // sums of both panels [rows + 1, kColumns], in the order of the rows of c
  float* u;                  // U, V [pairs, kColumns]
  int64_t bytes;

  PairScratch(void* memory, int64_t half, int64_t rows) {
    int64_t floats = 0;
    const auto take = [&](int64_t count) {
      const int64_t at = floats;
      floats += RoundUp(count, kLine);
      return memory != nullptr ? static_cast<float*>(memory) + at : nullptr;
    };
    const int64_t stride = RoundUp(half, kLine), pairs = rows / 2, second = pairs + rows % 2;
    QuadRows* const with_alone[] = {&a11, &a12, &s4};
    QuadRows* const paired[] = {&a22, &s1, &s2, &s3};
    for (QuadRows* each : with_alone) *each = {take(second * stride), second, stride};
    for (QuadRows* each : paired) *each = {take(pairs * stride), pairs, stride};
    for (float*& each : t) each = take(half * kColumns);
    left = take((rows + 1) * kColumns), right = take((rows + 1) * kColumns);
    u = take(pairs * kColumns);
    bytes = floats * int64_t(sizeof(float));
  }
};

int64_t PairScratchBytes(int64_t k, int64_t rows) { return PairScratch(nullptr, k / 2, rows).bytes; }

// The floats of a row that become a vector; zeros beyond its end
struct Columns {
  int64_t begin, count;
  Vec Of(const float* row) const { return count >= kLanes ? Load(row + begin) : LoadPart(row + begin, count); }
};

// values(row, columns, x): what N left sides have of a row. Four rows go abreast, as their neighbours are neighbours in a tile.
template <int N, class Values>
inline void LayQuads(const QuadRows (&to)[N], int64_t length, Values&& values) {
  ForTiles(0, to[0].rows, [&](int64_t first, int64_t rows) {
    for (int64_t row = 0; row < rows; row += kQuad) {
      const int64_t count = rows - row < kQuad ? rows - row : kQuad;
      for (int64_t i = 0; i < length; i += kLanes) {
        Vec abreast[N][kQuad], x[N];
        VITRINE_UNROLL
        for (int j = 0; j < kQuad; j++) {
          if (j < count) values(first + row + j, Columns{i, length - i}, x);
          VITRINE_EACH(N) abreast[m][j] = x[m];
        }
        VITRINE_EACH(N) StoreQuads(abreast[m], count, to[m].Tile(first) + i * rows + row * kQuad, rows * kQuad);
      }
    }
  });
}

void RunPairsOfPart(const GemmCall& gemm, PartOfK part, int64_t panel_count, void* memory) {
  const int64_t rows = gemm.row_end - gemm.row_begin, pairs = rows / 2, half = part.length / 2, lda = gemm.lda;
  // A row without partner goes with the second rows, where C11 and C12 are computed: its sums are those of gemm.run.
  const int64_t alone = rows % 2;
  const PairScratch scratch(memory, half, rows);
  const float* a = static_cast<const float*>(gemm.a) + gemm.row_begin * lda + part.begin;
  LayQuads<4>({scratch.a22, scratch.s1, scratch.s2, scratch.s3}, half, [=](int64_t pair, Columns of, Vec(&x)[4]) {
    const float *first = a + (alone + 2 * pair) * lda, *second = first + lda;
    const Vec a11 = of.Of(second), a21 = of.Of(first), a22 = of.Of(first + half), s1 = Add(a21, a22);
    x[0] = a22, x[1] = s1, x[2] = Sub(s1, a11), x[3] = Sub(a11, a21);
  });
  LayQuads<3>({scratch.a11, scratch.a12, scratch.s4}, half, [=](int64_t row, Columns of, Vec(&x)[3]) {
    const bool paired = row >= alone;
    const float* second = a + (paired ? 2 * row + 1 - alone : 0) * lda;
    x[0] = of.Of(second), x[1] = x[2] = of.Of(second + half);
    if (!paired) return;
    const float* first = second - lda;
    x[2] = Sub(x[1], Sub(Add(of.Of(first), of.Of(first + half)), x[0]));
  });

  // Row 0 of the sums is that of the row without partner, or of nothing.
  constexpr int64_t kBoth = 2 * kColumns;
  const PairSums none{nullptr, 0}, u{scratch.u, kColumns};
  const PairSums c21{scratch.left + kColumns, kBoth}, c22{scratch.right + kColumns, kBoth};
  const PairSums c11{scratch.left + kBoth, kBoth}, c12{scratch.right + kBoth, kBoth};
  const PairSums c11_all = c11.From(-alone), c12_all = c12.From(-alone);

  const float* panels = static_cast<const float*>(gemm.panels) + part.begin * kColumns;
  for (int64_t panel = gemm.panel_begin; panel < gemm.panel_end; panel++) {
    const int64_t other = panel + panel_count / 2, panel_floats = gemm.k * kColumns;
    const float *b11 = panels + panel * panel_floats, *b21 = b11 + half * kColumns;
    const float *b12 = panels + other * panel_floats, *b22 = b12 + half * kColumns;
    const auto [t, t2] = scratch.t;
    const float* next = b11 + panel_floats;
    MultiplyPanel(scratch.a11, b11, half, none, c11_all, b12);
    MultiplyDifference(scratch.s1, {b12, b11, t}, half, none, c22, b22);
    MultiplyDifference(scratch.s2, {b22, t, t2}, half, c11, u, b21);
    MultiplyPanel(scratch.a12, b21, half, c11_all, c11_all, b22);
    AddSums(pairs, u, c22, c12);
    if (alone == 1) TileRows<FloatGemmDot>(1, a, lda, b12, half, c12_all.at, kColumns);
    MultiplyPanel(scratch.s4, b22, half, c12_all, c12_all, b12);
    MultiplyDifference(scratch.s3, {b22, b12, t}, half, u, u, b21);
    AddSums(pairs, c22, u, c22);
    MultiplyDifference(scratch.a22, {b21, t2, t}, half, u, c21, next);
    const int64_t skipped = (1 - alone) * kColumns;
    FinishTile<FloatGemmDot, PlainFinish>(gemm, {scratch.left + skipped, gemm.row_begin, rows, panel});
    FinishTile<FloatGemmDot, PlainFinish>(gemm, {scratch.right + skipped, gemm.row_begin, rows, other});
  }
}

void RunPairs(const PairCall& call) {
  if (call.gemm.row_end <= call.gemm.row_begin) return;
  ForParts(call.gemm, FloatGemmDot::kLongestPart,
           [&](PartOfK part, const GemmCall& gemm) { RunPairsOfPart(gemm, part, call.panel_count, call.scratch); });
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
