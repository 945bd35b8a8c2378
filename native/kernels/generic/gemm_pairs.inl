// gemm.h's run_pairs: products of pairs of rows by one level of Strassen's algorithm. Before it: gemm.inl, whose epilogues finish the sums;
// after it: gemm_float.inl, gemm_bf16_storage.inl and gemm_int8_pairs.inl, which say what is multiplied.
//
// A pair of rows has quarters A11 and A12, the halves of its second row, and A21 and A22, those of its first; a pair of panels B11 over B21
// and, half of all panels further, B12 over B22. (Of a part of k where there are several: gemm.inl.) Winograd's form needs 7 products of
// quarters in place of 8:
//   S1 = A21 + A22   S2 = S1 − A11   S3 = A11 − A21   S4 = A12 − S2      T1 = B12 − B11   T2 = B22 − T1   T3 = B22 − B12   T4 = B21 − T2
//   U = A11·B11 + S2·T2   V = U + S3·T3   C11 = A11·B11 + A12·B21   C12 = U + S1·T1 + S4·B22   C21 = V + A22·T4   C22 = V + S1·T1
// Nearly every addition of products is a chain of multiply-adds that begins with the sum before instead of 0, and the differences of panels
// are made by the first tile that reads them: subtraction has execution units of its own, which a tile leaves idle.
//
// Both sides are multiplied in lanes of 32 bits. What they hold says Sides:
//   Dot, Finish           of gemm.inl
//   Value, kOfK           what a row of a has, and how many of them make a lane
//   kPackedBytes          how many bytes a lane has in a packed panel; 4: the lane itself
//   Vector                kLanes lanes, or sums; Load and Store them, None is 0, Floats are their bits
//   Row(row, lanes)       a vector of lanes of a row of a, zeros behind the last
//   Packed(panel, k, v)   the v-th vector of a packed panel at lane k
//   Add, Sub, AddSums     of lanes, and of sums
//   Step(at, r, w, sum)   sum[v] + w[v] · the lane at `at`, which is of the r-th row of a tile
// Memory of lanes and of sums is counted in floats, whatever they are.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int64_t kLine = 64 / int64_t(sizeof(float));  // of the cache

template <class Sides>
constexpr bool kPackedAreLanes = Sides::kPackedBytes == sizeof(float);

// Lanes of a row, a vector at most
struct LaneRange {
  int64_t begin, count;
};

// Lane i + u of k; u is known where this is compiled.
struct LaneOfK {
  int64_t i, u;
  int64_t at(int v) const { return ((i + u) * kTileVecs + v) * kLanes; }
  // Whether its v-th vector is the first on a line, if lanes have so many bytes
  bool BeginsLine(int v, int64_t bytes) const { return (u * kTileVecs + v) * kLanes * bytes % 64 == 0; }
};

// Where a tile's weights come from: a packed panel …
template <class Sides>
struct PackedPanel {
  const char* at;
  typename Sides::Vector At(LaneOfK k, int v) const {
    if (k.BeginsLine(v, Sides::kPackedBytes))
      PrefetchL1(reinterpret_cast<const float*>(at + (k.at(v) + kAheadL1 * kColumns) * Sides::kPackedBytes));
    return Sides::Packed(at, k, v);
  }
};
// … lanes …
template <class Sides>
struct LanePanel {
  const float* lanes;
  typename Sides::Vector At(LaneOfK k, int v) const {
    if (k.BeginsLine(v, sizeof(float))) PrefetchL1(lanes + k.at(v) + kAheadL1 * kColumns);
    return Sides::Load(lanes + k.at(v));
  }
};
// … their difference …
template <class Sides, class Minus>
struct PanelDifference {
  PackedPanel<Sides> panel;
  Minus minus;
  typename Sides::Vector At(LaneOfK k, int v) const { return Sides::Sub(panel.At(k, v), minus.At(k, v)); }
};
// … which is kept for other tiles. Those fetch meanwhile into L2 a part of what comes later.
template <class Sides, class Panel>
struct KeptPanel {
  Panel panel;
  float* kept;
  typename Sides::Vector At(LaneOfK k, int v) const {
    const typename Sides::Vector weights = panel.At(k, v);
    Sides::Store(kept + k.at(v), weights);
    return weights;
  }
};
template <class Sides>
struct PanelAndLater {
  static constexpr int64_t kPanelStep = kColumns * Sides::kPackedBytes, kStep = kPanelStep < 64 ? kPanelStep : 64;
  LanePanel<Sides> panel;
  const char* later;
  // For the tile of that number
  PanelAndLater(const float* lanes, const char* panel_later, int64_t tile, int64_t length)
      : panel{lanes}, later(tile < kPanelStep / kStep ? panel_later + tile * length * kStep : reinterpret_cast<const char*>(lanes)) {}
  typename Sides::Vector At(LaneOfK k, int v) const {
    if (v == 0 && k.u * kStep % 64 == 0) PrefetchL2(reinterpret_cast<const float*>(later + (k.i + k.u) * kStep));
    return panel.At(k, v);
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
// is shared with another thread fewer instructions to share, and less to keep in L1.
constexpr int64_t kQuad = 4;
struct QuadRows {
  float* at;
  int64_t rows, stride;  // a row's lanes, up to whole vectors of any ISA
  float* Tile(int64_t first) const { return at + first * stride; }
};

// out[r] = from[r] + Σ a[r][i]·panel[i]
template <class Sides, int R, class Panel>
__attribute__((noinline)) void PairTile(const float* a, Panel panel, int64_t length, PairSums from, PairSums out) {
  typename Sides::Vector sum[R][kTileVecs];
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++)
      sum[r][v] = from.at != nullptr ? Sides::Load(from.at + r * from.stride + v * kLanes) : Sides::None();
  }
  const auto step = [&](LaneOfK k) __attribute__((always_inline)) {
    typename Sides::Vector weights[kTileVecs];
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) weights[v] = panel.At(k, v);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) Sides::Step(a + r * kQuad + k.u, r, weights, sum[r]);
  };
  int64_t i = 0;
  VITRINE_NO_UNROLL
  for (; i + kQuad <= length; i += kQuad, a += R * kQuad) {
    asm("" : "+r"(a));
    VITRINE_UNROLL
    for (int u = 0; u < kQuad; u++) step({i, u});
  }
  VITRINE_NO_UNROLL
  for (int64_t u = 0; i + u < length; u++) step({i, u});
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < kTileVecs; v++) Sides::Store(out.at + r * out.stride + v * kLanes, sum[r][v]);
  }
}

template <class Sides, class Panel, int R = kTileRows>
void PairTileRows(int64_t rows, const float* a, Panel panel, int64_t length, PairSums from, PairSums out) {
  if (rows == R) {
    PairTile<Sides, R>(a, panel, length, from, out);
  } else if constexpr (R > 1) {
    PairTileRows<Sides, Panel, R - 1>(rows, a, panel, length, from, out);
  }
}

// All rows times a panel of lanes. `later`: another one, packed, fetched meanwhile.
template <class Sides>
void MultiplyLanes(QuadRows a, const float* lanes, int64_t length, PairSums from, PairSums out, const char* later) {
  int64_t tile = 0;
  ForTiles(0, a.rows, [&](int64_t row, int64_t count) {
    PairTileRows<Sides>(count, a.Tile(row), PanelAndLater<Sides>(lanes, later, tile++, length), length, from.From(row), out.From(row));
  });
}
// The same of a panel whose lanes the first tile makes and keeps
template <class Sides, class Panel>
void MultiplyMade(QuadRows a, Panel panel, float* kept, int64_t length, PairSums from, PairSums out, const char* later) {
  int64_t tile = -1;
  ForTiles(0, a.rows, [&](int64_t row, int64_t count) {
    const PairSums sums = from.From(row), to = out.From(row);
    if (tile++ < 0) return PairTileRows<Sides>(count, a.Tile(row), KeptPanel<Sides, Panel>{panel, kept}, length, sums, to);
    PairTileRows<Sides>(count, a.Tile(row), PanelAndLater<Sides>(kept, later, tile - 1, length), length, sums, to);
  });
}

template <class Sides>
void AddSums(int64_t rows, PairSums x, PairSums y, PairSums out) {
  for (int64_t row = 0; row < rows; row++)
    for (int64_t n = 0; n < kColumns; n += kLanes)
      Sides::Store(out.at + row * out.stride + n,
                   Sides::AddSums(Sides::Load(x.at + row * x.stride + n), Sides::Load(y.at + row * y.stride + n)));
}

// The scratch of a call, one thing after the other
struct PairScratch {
  QuadRows a11, a12, s4;     // [pairs, half of K], a row without partner before them
  QuadRows a22, s1, s2, s3;  // [pairs, half of K]
  float* t[2];               // differences of panels [half of K, kColumns]
  float* widened;            // a panel [half of K, kColumns], where packed ones are no lanes
  float *left, *right;       // sums of both panels [rows + 1, kColumns], in the order of the rows of c
  float* u;                  // U, V [pairs, kColumns]
  int64_t bytes;

  // length: lanes of half of K
  PairScratch(void* memory, int64_t length, int64_t rows, bool widens) {
    int64_t floats = 0;
    const auto take = [&](int64_t count) {
      const int64_t at = floats;
      floats += RoundUp(count, kLine);
      return memory != nullptr ? static_cast<float*>(memory) + at : nullptr;
    };
    const int64_t stride = RoundUp(length, kLine), pairs = rows / 2, second = pairs + rows % 2;
    QuadRows* const with_alone[] = {&a11, &a12, &s4};
    QuadRows* const paired[] = {&a22, &s1, &s2, &s3};
    for (QuadRows* each : with_alone) *each = {take(second * stride), second, stride};
    for (QuadRows* each : paired) *each = {take(pairs * stride), pairs, stride};
    for (float*& each : t) each = take(length * kColumns);
    widened = take(widens ? length * kColumns : 0);
    left = take((rows + 1) * kColumns), right = take((rows + 1) * kColumns);
    u = take(pairs * kColumns);
    bytes = floats * int64_t(sizeof(float));
  }
};

template <class Sides>
int64_t PairScratchBytes(int64_t k, int64_t rows) {
  return PairScratch(nullptr, k / 2 / Sides::kOfK, rows, !kPackedAreLanes<Sides>).bytes;
}

// values(row, lanes, x): what N left sides have of a row. Four rows go abreast, as their neighbours are neighbours in a tile.
template <class Sides, int N, class Values>
inline void LayQuads(const QuadRows (&to)[N], int64_t length, Values&& values) {
  ForTiles(0, to[0].rows, [&](int64_t first, int64_t rows) {
    for (int64_t row = 0; row < rows; row += kQuad) {
      const int64_t count = rows - row < kQuad ? rows - row : kQuad;
      for (int64_t i = 0; i < length; i += kLanes) {
        Vec abreast[N][kQuad];
        typename Sides::Vector x[N];
        VITRINE_UNROLL
        for (int j = 0; j < kQuad; j++) {
          if (j < count) values(first + row + j, LaneRange{i, length - i < kLanes ? length - i : kLanes}, x);
          VITRINE_EACH(N) abreast[m][j] = Sides::Floats(x[m]);
        }
        VITRINE_EACH(N) StoreQuads(abreast[m], count, to[m].Tile(first) + i * rows + row * kQuad, rows * kQuad);
      }
    }
  });
}

template <class Sides>
void RunPairsOfPart(const GemmCall& gemm, PartOfK part, int64_t panel_count, void* memory) {
  using Dot = typename Sides::Dot;
  const int64_t rows = gemm.row_end - gemm.row_begin, pairs = rows / 2, half = part.length / 2, length = half / Sides::kOfK;
  // A row without partner goes with the second rows, where C11 and C12 are computed: its sums are those of gemm.run.
  const int64_t alone = rows % 2;
  const PairScratch scratch(memory, length, rows, !kPackedAreLanes<Sides>);
  const int64_t lda = gemm.lda;
  const auto* a = static_cast<const typename Sides::Value*>(gemm.a) + gemm.row_begin * lda + part.begin;
  using Vector = typename Sides::Vector;
  LayQuads<Sides, 4>({scratch.a22, scratch.s1, scratch.s2, scratch.s3}, length, [=](int64_t pair, LaneRange lanes, Vector(&x)[4]) {
    const auto *first = a + (alone + 2 * pair) * lda, *second = first + lda;
    const Vector a11 = Sides::Row(second, lanes), a21 = Sides::Row(first, lanes), a22 = Sides::Row(first + half, lanes),
                 s1 = Sides::Add(a21, a22);
    x[0] = a22, x[1] = s1, x[2] = Sides::Sub(s1, a11), x[3] = Sides::Sub(a11, a21);
  });
  LayQuads<Sides, 3>({scratch.a11, scratch.a12, scratch.s4}, length, [=](int64_t row, LaneRange lanes, Vector(&x)[3]) {
    const bool paired = row >= alone;
    const auto* second = a + (paired ? 2 * row + 1 - alone : 0) * lda;
    x[0] = Sides::Row(second, lanes), x[1] = x[2] = Sides::Row(second + half, lanes);
    if (!paired) return;
    const auto* first = second - lda;
    x[2] = Sides::Sub(x[1], Sides::Sub(Sides::Add(Sides::Row(first, lanes), Sides::Row(first + half, lanes)), x[0]));
  });

  // Row 0 of the sums is that of the row without partner, or of nothing.
  constexpr int64_t kBoth = 2 * kColumns;
  const PairSums none{nullptr, 0}, u{scratch.u, kColumns};
  const PairSums c21{scratch.left + kColumns, kBoth}, c22{scratch.right + kColumns, kBoth};
  const PairSums c11{scratch.left + kBoth, kBoth}, c12{scratch.right + kBoth, kBoth};
  const PairSums c11_all = c11.From(-alone), c12_all = c12.From(-alone);

  using Packed = PackedPanel<Sides>;
  using Lanes = LanePanel<Sides>;
  const auto multiply = [&](QuadRows left, Packed panel, PairSums from, PairSums out, Packed later) {
    if constexpr (kPackedAreLanes<Sides>) {
      MultiplyLanes<Sides>(left, reinterpret_cast<const float*>(panel.at), length, from, out, later.at);
    } else {
      MultiplyMade<Sides>(left, panel, scratch.widened, length, from, out, later.at);
    }
  };
  const auto multiply_difference = [&](QuadRows left, auto panel, float* kept, PairSums from, PairSums out, Packed later) {
    MultiplyMade<Sides>(left, panel, kept, length, from, out, later.at);
  };
  constexpr int64_t kLaneBytes = kColumns * Sides::kPackedBytes;
  const auto* panels = static_cast<const char*>(gemm.panels) + part.begin / Sides::kOfK * kLaneBytes;
  for (int64_t panel = gemm.panel_begin; panel < gemm.panel_end; panel++) {
    const int64_t other = panel + panel_count / 2, panel_bytes = gemm.k / Sides::kOfK * kLaneBytes;
    const Packed b11{panels + panel * panel_bytes}, b21{b11.at + length * kLaneBytes};
    const Packed b12{panels + other * panel_bytes}, b22{b12.at + length * kLaneBytes};
    const auto [t, t2] = scratch.t;
    const Packed next{b11.at + panel_bytes};
    multiply(scratch.a11, b11, none, c11_all, b12);
    multiply_difference(scratch.s1, PanelDifference<Sides, Packed>{b12, b11}, t, none, c22, b22);
    multiply_difference(scratch.s2, PanelDifference<Sides, Lanes>{b22, {t}}, t2, c11, u, b21);
    multiply(scratch.a12, b21, c11_all, c11_all, b22);
    AddSums<Sides>(pairs, u, c22, c12);
    if (alone == 1) {
      TileRows<Dot>(1, reinterpret_cast<const typename Dot::Left*>(a), lda / Dot::kUnit,
                    reinterpret_cast<const typename Dot::Right*>(b12.at), half / Dot::kUnit,
                    reinterpret_cast<typename Dot::Out*>(c12_all.at), kColumns);
    }
    multiply(scratch.s4, b22, c12_all, c12_all, b12);
    multiply_difference(scratch.s3, PanelDifference<Sides, Packed>{b22, b12}, t, u, u, b21);
    AddSums<Sides>(pairs, c22, u, c22);
    multiply_difference(scratch.a22, PanelDifference<Sides, Lanes>{b21, {t2}}, t, u, c21, next);
    const int64_t skipped = (1 - alone) * kColumns;
    const auto finish = [&](const float* sums, int64_t of_panel) {
      FinishTile<Dot, typename Sides::Finish>(gemm,
                                              {reinterpret_cast<const typename Dot::Out*>(sums + skipped), gemm.row_begin, rows, of_panel});
    };
    finish(scratch.left, panel), finish(scratch.right, other);
  }
}

template <class Sides>
void RunPairs(const PairCall& call) {
  if (call.gemm.row_end <= call.gemm.row_begin) return;
  ForParts(call.gemm, Sides::Dot::kLongestPart,
           [&](PartOfK part, const GemmCall& gemm) { RunPairsOfPart<Sides>(gemm, part, call.panel_count, call.scratch); });
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
