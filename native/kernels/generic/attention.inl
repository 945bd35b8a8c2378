// attention.h over the register tile: a tile of queries walks the keys block by block (scores → softmax → times values), all of it in
// scratch that stays in L1 whatever T is. Letters: T tokens, K head dim, R query rows of the tile.

#include <cmath>  // INFINITY

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// Keys of a block at most: R rows of scores (18 KB on the widest tile) leave room in L1 for the panels that stream by.
constexpr int64_t kKeyBlock = 320;
constexpr float kNegInfinity = -INFINITY;

// A matrix of `count` columns as panels of 32-bit units: kColumns wide but for the last, which is one vector wide where that is enough.
struct PanelWalk {
  int64_t count, length;
  int64_t Width(int64_t column) const { return count - column > kLanes ? kColumns : kLanes; }
  int64_t Bytes() const {
    const int64_t last = count / kColumns * kColumns;
    return RoundUp((last + (count > last ? Width(last) : 0)) * length * 4, 64);
  }
};

// out[r][column] = Σᵢ a[r][i]·panel[i][column] over `length` rows of the panel that begins at `column`, from its row `first` on
template <class Dot = FloatDot>
inline void TimesPanel(const PanelWalk& walk, const typename Dot::Right* panels, int64_t column, int64_t first, int64_t length,
                       int64_t rows, const typename Dot::Left* a, int64_t lda, float* out, int64_t ldo) {
  const int64_t width = walk.Width(column);
  const auto* panel = panels + column * walk.length + first * width;
  if (width == kColumns) {
    TileRows<Dot, kTileVecs>(rows, a, lda, panel, length, out, ldo);
  } else {
    TileRows<Dot, 1>(rows, a, lda, panel, length, out, ldo);
  }
}

inline PanelWalk Keys(int64_t tokens, int64_t head_dim) { return {tokens, head_dim}; }
inline PanelWalk Values(int64_t tokens, int64_t head_dim) { return {head_dim, tokens}; }

// Blocks as equal as whole panels allow
inline int64_t KeyBlock(int64_t tokens) {
  const int64_t blocks = (tokens + kKeyBlock - 1) / kKeyBlock;
  return blocks == 0 ? kColumns : RoundUp((tokens + blocks - 1) / blocks, kColumns);
}

// What scratch holds: queries [R][query_stride], scores [R][score_stride], outputs [R][output_stride]
struct AttentionScratch {
  int64_t query_stride, score_stride, output_stride;
  AttentionScratch(int64_t tokens, int64_t head_dim)
      : query_stride(RoundUp(head_dim, 16)),
        score_stride(RoundUp(KeyBlock(tokens), 16) + 16),  // 16: a whole vector of -∞ may be stored behind the last key
        output_stride(RoundUp(RoundUp(head_dim, kColumns), 16)) {}
  int64_t Bytes() const { return 4 * kTileRows * (query_stride + score_stride + output_stride); }
};

int64_t KeyBytes(int64_t tokens, int64_t head_dim) { return Keys(tokens, head_dim).Bytes(); }
int64_t ValueBytes(int64_t tokens, int64_t head_dim) { return Values(tokens, head_dim).Bytes(); }
int64_t AttentionScratchBytes(int64_t tokens, int64_t head_dim) { return AttentionScratch(tokens, head_dim).Bytes(); }

// One head's columns of rows [begin, begin + count) ahead of their use: they lie in a page each, where no hardware looks ahead.
template <class T>
inline void PrefetchRows(const T* rows, int64_t begin, int64_t count, int64_t ld, int64_t tokens, int64_t head_dim) {
  const int64_t end = begin + count < tokens ? begin + count : tokens;
  for (int64_t t = begin; t < end; t++)
    for (int64_t i = 0; i < head_dim; i += 64 / int64_t(sizeof(T))) PrefetchL1(reinterpret_cast<const float*>(rows + t * ld + i));
}

void PackKeysAndValues(const void* key_rows, const void* value_rows, int64_t ld, int64_t tokens, int64_t head_dim, void* key_out,
                       void* value_out) {
  const auto* k = static_cast<const float*>(key_rows);
  const auto* v = static_cast<const float*>(value_rows);
  auto* key_panels = static_cast<float*>(key_out);
  auto* value_panels = static_cast<float*>(value_out);
  const PanelWalk keys = Keys(tokens, head_dim), values = Values(tokens, head_dim);
  PrefetchRows(k, 0, kColumns, ld, tokens, head_dim);
  for (int64_t t = 0; t < tokens; t += kColumns) {
    const float* rows[kColumns];
    const int64_t count = tokens - t < kColumns ? tokens - t : kColumns;
    for (int64_t i = 0; i < count; i++) rows[i] = k + (t + i) * ld;
    PrefetchRows(k, t + kColumns, kColumns, ld, tokens, head_dim);
    PrefetchRows(v, t, kColumns, ld, tokens, head_dim);
    PackColumns(rows, count, keys.Width(t), head_dim, key_panels + t * head_dim);
  }
  for (int64_t d = 0; d < head_dim; d += kColumns) {
    float* panel = value_panels + d * tokens;
    const int64_t width = values.Width(d);
    for (int64_t t = 0; t < tokens; t++) {
      for (int64_t i = 0; i < width; i += kLanes) {
        const int64_t rest = head_dim - d - i;
        const float* source = v + t * ld + d + i;
        Store(panel + t * width + i, rest >= kLanes ? Load(source) : LoadPart(source, rest > 0 ? rest : 0));
      }
    }
  }
}

// Queries with the scale and log₂e folded in, so that softmax is a power of two of plain differences
inline void ScaleQueries(const AttentionCall& call, int64_t query, int64_t rows, float* out, int64_t stride) {
  const Vec factor = Set(call.scale * kLog2E);
  for (int64_t r = 0; r < rows; r++) {
    const float* q = static_cast<const float*>(call.q) + (query + r) * call.ldq;
    int64_t d = 0;
    for (; d + kLanes <= call.head_dim; d += kLanes) Store(out + r * stride + d, Mul(Load(q + d), factor));
    if (d < call.head_dim) Store(out + r * stride + d, Mul(LoadPart(q + d, call.head_dim - d), factor));
  }
}

// -∞ behind the last score of each row, as far as whole vectors reach
inline void EndScores(float* scores, int64_t stride, int64_t rows, int64_t count) {
  if (count % kLanes != 0)
    for (int64_t r = 0; r < rows; r++) Store(scores + r * stride + count, Set(kNegInfinity));
}

// score = score·scale + bias·log₂e of `count` keys from `first` on, in every row
template <bool kScaled>
inline void AddKeyBias(const float* key_bias, int64_t first, int64_t count, int64_t rows, float scale, float* scores, int64_t stride) {
  const Vec log2e = Set(kLog2E), factor = Set(scale);
  for (int64_t i = 0; i < count; i += kLanes) {
    const float* at = key_bias + first + i;
    const Vec bias = Mul(count - i >= kLanes ? Load(at) : LoadPart(at, count - i), log2e);
    for (int64_t r = 0; r < rows; r++) {
      float* row = scores + r * stride + i;
      Store(row, kScaled ? MulAdd(Load(row), factor, bias) : Add(Load(row), bias));
    }
  }
}

// Scores of keys [first, first + count) → scores[rows][stride]
inline void ScoreBlock(const AttentionCall& call, int64_t first, int64_t count, int64_t rows, const float* queries, int64_t query_stride,
                       float* scores, int64_t stride) {
  const PanelWalk keys = Keys(call.tokens, call.head_dim);
  for (int64_t t = first; t < first + count; t += kColumns)
    TimesPanel(keys, static_cast<const float*>(call.key_panels), t, 0, call.head_dim, rows, queries, query_stride, scores + t - first,
               stride);
  if (call.key_bias != nullptr) AddKeyBias<false>(call.key_bias, first, count, rows, 1, scores, stride);
  EndScores(scores, stride, rows, count);
}

// Weights as the softmax computes and stores them, and their sum. attention_bf16.inl has those of bf16.
struct FloatWeights {
  static constexpr int64_t kUnit = 1;  // weights of an element of a row
  static Vec Exponent(Vec score, Vec, Vec base) { return Add(score, base); }
  template <int M>
  static void Power(Vec (&t)[M]) {
    Exp2<false>(t);
  }
  template <int M>
  static void Put(float* row, const Vec (&weights)[M]) {
    VITRINE_EACH(M) Store(row + m * kLanes, weights[m]);
  }
  static Vec AddTo(Vec sum, const Vec (&weights)[2]) { return Add(sum, Add(weights[0], weights[1])); }
  static Vec AddTo(Vec sum, const Vec (&weights)[1]) { return Add(sum, weights[0]); }
  static float Sum(const float*, int64_t, Vec sum) { return SumLanes(sum); }
};

// The softmax of a tile's rows as far as it has come: weights are 2^(exponent(score) − that of the maximum), `sum` their sum. All rows take
// one step after another, so that none waits for its own maximum.
template <class Weights>
struct TileSoftmax {
  float maximum[kTileRows], sum[kTileRows];
  float factor[kTileRows];  // by which what was summed with an older maximum has to be multiplied
  explicit TileSoftmax(int64_t rows) {
    for (int64_t r = 0; r < rows; r++) maximum[r] = kNegInfinity, sum[r] = factor[r] = 0;
  }

  // Scores, which count `scale` each → weights
  template <class Row>
  void Take(const float* scores, int64_t stride, int64_t rows, int64_t count, float scale, Row* weights, int64_t weight_stride) {
    float shift[kTileRows];
    for (int64_t r = 0; r < rows; r++) {
      Vec top = Set(maximum[r]);
      for (int64_t i = 0; i < count; i += kLanes) top = Max(Load(scores + r * stride + i), top);
      const float old = maximum[r];
      maximum[r] = MaxLanes(top);
      // Only -∞ so far: any base gives weights of 0, and -∞ itself would give NaN
      const float base = maximum[r] == kNegInfinity ? 0 : maximum[r];
      shift[r] = -base * scale;
      factor[r] = (old - base) * scale;
    }
    for (int64_t r = 0; r < rows; r++) {
      const float* row = scores + r * stride;
      Row* out = weights + r * weight_stride;
      const Vec by = Set(shift[r]), times = Set(scale);
      Vec block = Zero();
      int64_t i = 0;
      for (; i + kLanes < count; i += kColumns) {
        Vec some[2] = {Weights::Exponent(Load(row + i), times, by), Weights::Exponent(Load(row + i + kLanes), times, by)};
        Weights::Power(some);
        Weights::Put(out + i / Weights::kUnit, some);
        block = Weights::AddTo(block, some);
      }
      if (i < count) {
        Vec last[1] = {Weights::Exponent(Load(row + i), times, by)};
        Weights::Power(last);
        Weights::Put(out + i / Weights::kUnit, last);
        block = Weights::AddTo(block, last);
      }
      const float added = Weights::Sum(out, count, block);
      if (sum[r] == 0) {
        sum[r] = added, factor[r] = 0;
        continue;
      }
      alignas(64) float lanes[kLanes];
      Store(lanes, Exp2(Set(factor[r])));
      factor[r] = lanes[0], sum[r] = sum[r] * lanes[0] + added;
    }
  }
};

// outputs = outputs·factor + unit · weights · values of the block, by row; the first block just stores, null units are 1. `begin` and
// `length`: the block in rows of the panels.
template <class Dot>
inline void AddValues(const PanelWalk& values, const void* panels, int64_t begin, int64_t length, int64_t rows,
                      const typename Dot::Left* weights, int64_t stride, const float* unit, const float* factor, float* outputs,
                      int64_t output_stride) {
  const auto* all = static_cast<const typename Dot::Right*>(panels);
  alignas(64) float product[kTileRows * kColumns];
  for (int64_t d = 0; d < values.count; d += kColumns) {
    if (begin == 0 && unit == nullptr) {
      TimesPanel<Dot>(values, all, d, begin, length, rows, weights, stride, outputs + d, output_stride);
      continue;
    }
    TimesPanel<Dot>(values, all, d, begin, length, rows, weights, stride, product, kColumns);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t i = 0; i < values.Width(d); i += kLanes) {
        float* at = outputs + r * output_stride + d + i;
        const Vec sum = Load(product + r * kColumns + i), added = unit != nullptr ? Mul(sum, Set(unit[r])) : sum;
        Store(at, begin == 0 ? added : MulAdd(Load(at), Set(factor[r]), added));
      }
    }
  }
}

void RunAttention(const AttentionCall& call) {
  const AttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<float*>(call.scratch);
  float* scores = queries + kTileRows * layout.query_stride;
  float* outputs = scores + kTileRows * layout.score_stride;
  const int64_t block = KeyBlock(call.tokens);
  ForTiles(call.query_begin, call.query_end, [&](int64_t query, int64_t rows) {
    TileSoftmax<FloatWeights> softmax(rows);
    ScaleQueries(call, query, rows, queries, layout.query_stride);
    PrefetchRows(static_cast<const float*>(call.q), query + rows, kTileRows, call.ldq, call.query_end, call.head_dim);
    PrefetchRows(static_cast<const float*>(call.out), query, rows, call.ldo, call.query_end, call.head_dim);
    for (int64_t first = 0; first < call.tokens; first += block) {
      const int64_t count = call.tokens - first < block ? call.tokens - first : block;
      ScoreBlock(call, first, count, rows, queries, layout.query_stride, scores, layout.score_stride);
      softmax.Take(scores, layout.score_stride, rows, count, 1, scores, layout.score_stride);
      AddValues<FloatDot>(Values(call.tokens, call.head_dim), call.value_panels, first, count, rows, scores, layout.score_stride, nullptr,
                          softmax.factor, outputs, layout.output_stride);
    }
    for (int64_t r = 0; r < rows; r++) {
      const Vec inverse = Set(1 / softmax.sum[r]);
      const float* sums = outputs + r * layout.output_stride;
      float* out = static_cast<float*>(call.out) + (query + r) * call.ldo;
      int64_t d = 0;
      for (; d + kLanes <= call.head_dim; d += kLanes) Store(out + d, Mul(Load(sums + d), inverse));
      if (d < call.head_dim) StorePart(out + d, call.head_dim - d, Mul(Load(sums + d), inverse));
    }
  });
}

// The softmax weights of one query: score(first, count) computes the scores of a block of keys, already scaled.
template <class Score>
inline void SoftmaxWeights(int64_t tokens, float* scores, Score&& score, float* weights) {
  const int64_t block = KeyBlock(tokens);
  TileSoftmax<FloatWeights> softmax(1);
  for (int64_t first = 0; first < tokens; first += block) {
    const int64_t count = tokens - first < block ? tokens - first : block;
    score(first, count);
    softmax.Take(scores, 0, 1, count, 1, scores, 0);
    for (int64_t t = 0; t < first; t++) weights[t] *= softmax.factor[0];
    for (int64_t t = 0; t < count; t++) weights[first + t] = scores[t];
  }
  for (int64_t t = 0; t < tokens; t++) weights[t] *= 1 / softmax.sum[0];
}

void AttentionWeights(const AttentionCall& call, float* weights) {
  const AttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<float*>(call.scratch);
  float* scores = queries + kTileRows * layout.query_stride;
  ScaleQueries(call, call.query_begin, 1, queries, layout.query_stride);
  const auto score = [&](int64_t first, int64_t count) {
    ScoreBlock(call, first, count, 1, queries, layout.query_stride, scores, layout.score_stride);
  };
  SoftmaxWeights(call.tokens, scores, score, weights);
}

constexpr Attention kAttention = {.input = Number::kF32,
                                  .key_bytes = KeyBytes,
                                  .value_bytes = ValueBytes,
                                  .scratch_bytes = AttentionScratchBytes,
                                  .pack = PackKeysAndValues,
                                  .run = RunAttention,
                                  .weights = AttentionWeights};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
