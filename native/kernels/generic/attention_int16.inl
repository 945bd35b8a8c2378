// attention_int16: as attention.inl, with products of int16 pairs, whose int32 sums are exact. Before it: attention_pairs.inl and the ISA's
// int16.h.
//
// Every query and key is scaled by its own largest channel, every channel of the values by its largest token, the weights of a query by
// their sum, so far that no sum leaves int32: 2·K·keys² ≤ 2³¹ and, over the keys of a block, Σ weights · value ≤ 2³¹.

#include <cfloat>  // FLT_MAX
#include <cmath>   // NAN

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr float kMostValue = 8191, kMostWeight = 32767;
constexpr float kMostWeights = 262000;     // of a query together, and half of each key of a block for their rounding
constexpr float kLeastScaled = 0x1p-100f;  // below it nothing is scaled up any further

struct ShortDot {
  using Left = uint32_t;
  using Right = uint32_t;
  using Out = float;
  static IntVec None() { return SetInts(0); }
  static IntVec Value(const uint32_t* a) { return SetInts(int32_t(*a)); }
  static IntVec Weights(const uint32_t* panel) { return LoadInts(panel); }
  static IntVec Step(IntVec value, IntVec weights, IntVec sum) { return DotOfPairs(sum, value, weights); }
  static void StoreSum(float* out, IntVec sum) {
    KeepOrder(sum);
    Store(out, ToFloats(sum));
  }
};

// The largest channel of a query or key as an integer
inline float MostChannel(int64_t head_dim) {
  const float most = __builtin_sqrtf(2147483000.f / float(2 * Pairs2(head_dim)));
  return most < 32767 ? __builtin_floorf(most) : 32767;
}

// What a number is multiplied by to become an integer of at most `most`, and the integer to become the number again: NaN where one of
// them is NaN or infinite.
struct ShortScale {
  float to, back;
  ShortScale(float largest, float most) {
    const float scaled = largest > kLeastScaled ? largest : kLeastScaled;
    to = most / scaled, back = largest <= FLT_MAX ? scaled / most : NAN;
  }
};

// |x| as integers, which have the order of the numbers, and NaN above all
inline IntVec Magnitude(Vec x) { return BitsOfFloats(Abs(x)); }

inline Vec LoadChannels(const float* row, int64_t d, int64_t head_dim) {
  return head_dim - d >= kLanes ? Load(row + d) : LoadPart(row + d, head_dim > d ? head_dim - d : 0);
}

inline float LargestChannel(const float* row, int64_t head_dim) {
  IntVec most = SetInts(0);
  for (int64_t d = 0; d < head_dim; d += kLanes) most = MaxInts(most, Magnitude(LoadChannels(row, d, head_dim)));
  const int32_t bits = MaxIntLanes(most);
  float largest;
  __builtin_memcpy(&largest, &bits, sizeof(float));
  return largest;
}

// A row's channels times `factor` as pairs of int16, zeros behind the last; out has whole pairs of vectors.
inline void ShortRow(const float* row, int64_t head_dim, float factor, uint32_t* out) {
  for (int64_t d = 0; d < head_dim; d += kColumns) {
    const Vec a = LoadChannels(row, d, head_dim), b = LoadChannels(row, d + kLanes, head_dim);
    StoreInts(out + d / 2, PackInt16(Mul(a, Set(factor)), Mul(b, Set(factor))));
  }
}

// Behind the panels: the scale back of each key, and of each channel of the values
int64_t ShortKeyBytes(int64_t tokens, int64_t head_dim) {
  return PairKeys(tokens, head_dim).Bytes() + RoundUp(RoundUp(tokens, kColumns) * int64_t(sizeof(float)), 64);
}
int64_t ShortValueBytes(int64_t tokens, int64_t head_dim) {
  return PairValues(tokens, head_dim).Bytes() + RoundUp(RoundUp(head_dim, kColumns) * int64_t(sizeof(float)), 64);
}
inline float* ScalesBehind(const PanelWalk& walk, void* panels) { return static_cast<float*>(panels) + walk.Bytes() / 4; }
inline const float* ScalesBehind(const PanelWalk& walk, const void* panels) { return static_cast<const float*>(panels) + walk.Bytes() / 4; }

void PackShortKeys(const float* k, int64_t ld, int64_t tokens, int64_t head_dim, void* key_out) {
  constexpr int64_t kBlock = 64;  // channels
  const PanelWalk keys = PairKeys(tokens, head_dim);
  const float most = MostChannel(head_dim);
  float* back = ScalesBehind(keys, key_out);
  alignas(64) uint32_t block[kColumns * kBlock / 2];
  PrefetchRows(k, 0, kColumns, ld, tokens, head_dim);
  for (int64_t t = 0; t < tokens; t += kColumns) {
    const int64_t count = tokens - t < kColumns ? tokens - t : kColumns, width = keys.Width(t);
    PrefetchRows(k, t + kColumns, kColumns, ld, tokens, head_dim);
    float to[kColumns];
    for (int64_t i = 0; i < count; i++) {
      const ShortScale scale(LargestChannel(k + (t + i) * ld, head_dim), most);
      to[i] = scale.to, back[t + i] = scale.back;
    }
    for (int64_t d = 0; d < head_dim; d += kBlock) {
      const int64_t channels = head_dim - d < kBlock ? head_dim - d : kBlock;
      const float* pairs[kColumns];
      for (int64_t i = 0; i < count; i++) {
        uint32_t* row = block + i * kBlock / 2;
        ShortRow(k + (t + i) * ld + d, channels, to[i], row);
        pairs[i] = reinterpret_cast<const float*>(row);
      }
      PackColumns(pairs, count, width, Pairs2(channels), static_cast<float*>(key_out) + t * keys.length + d / 2 * width);
    }
  }
}

void PackShortValues(const float* v, int64_t ld, int64_t tokens, int64_t head_dim, void* value_out) {
  const PanelWalk values = PairValues(tokens, head_dim);
  float* back = ScalesBehind(values, value_out);
  for (int64_t d = 0; d < head_dim; d += kLanes) {
    IntVec most = SetInts(0);
    for (int64_t t = 0; t < tokens; t++) most = MaxInts(most, Magnitude(LoadChannels(v + t * ld, d, head_dim)));
    alignas(64) float to[kLanes];
    alignas(64) float largest[kLanes];
    StoreInts(largest, most);
    for (int64_t i = 0; i < kLanes; i++) {
      const ShortScale scale(largest[i], kMostValue);
      to[i] = scale.to, back[d + i] = scale.back;
    }
    const int64_t panel = d / kColumns * kColumns, width = values.Width(panel);
    uint32_t* out = static_cast<uint32_t*>(value_out) + panel * values.length + (d - panel);
    const Vec factor = Load(to);
    for (int64_t t = 0; t < tokens; t += 2) {
      const float* row = v + t * ld;
      const Vec first = Mul(LoadChannels(row, d, head_dim), factor);
      const Vec second = t + 1 < tokens ? Mul(LoadChannels(row + ld, d, head_dim), factor) : Zero();
      StoreInts(out + t / 2 * width, JoinInt16(first, second));
    }
  }
}

void PackShorts(const void* key_rows, const void* value_rows, int64_t ld, int64_t tokens, int64_t head_dim, void* key_out,
                void* value_out) {
  PackShortKeys(static_cast<const float*>(key_rows), ld, tokens, head_dim, key_out);
  PackShortValues(static_cast<const float*>(value_rows), ld, tokens, head_dim, value_out);
}

// The tile's queries as integers, and what the products of each are multiplied by: its scale back, the call's and log₂e
inline void ShortQueries(const AttentionCall& call, int64_t query, int64_t rows, uint32_t* out, int64_t stride, float* factor) {
  const float most = MostChannel(call.head_dim);
  for (int64_t r = 0; r < rows; r++) {
    const float* q = static_cast<const float*>(call.q) + (query + r) * call.ldq;
    const ShortScale scale(LargestChannel(q, call.head_dim), most);
    ShortRow(q, call.head_dim, scale.to, out + r * stride);
    factor[r] = scale.back * (call.scale * kLog2E);
  }
}

inline void ScoreShorts(const AttentionCall& call, int64_t first, int64_t count, int64_t rows, const uint32_t* queries,
                        int64_t query_stride, const float* factor, float* scores, int64_t stride) {
  const PanelWalk keys = PairKeys(call.tokens, call.head_dim);
  const float* back = ScalesBehind(keys, call.key_panels) + first;
  for (int64_t t = first; t < first + count; t += kColumns)
    TimesPanel<ShortDot>(keys, static_cast<const uint32_t*>(call.key_panels), t, 0, keys.length, rows, queries, query_stride,
                         scores + t - first, stride);
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec scale = count - i >= kLanes ? Load(back + i) : LoadPart(back + i, count - i);
    for (int64_t r = 0; r < rows; r++) {
      float* at = scores + r * stride + i;
      Store(at, Mul(Load(at), Mul(scale, Set(factor[r]))));
    }
  }
  if (call.key_bias != nullptr) AddKeyBias<false>(call.key_bias, first, count, rows, 1, scores, stride);
  EndScores(scores, stride, rows, count);
}

// As FloatWeights, within 7.5e-5
struct RoughWeights : FloatWeights {
  template <int M>
  static void Power(Vec (&t)[M]) {
    Exp2<true>(t);
  }
};

// Weights, which are `sum` together at most, as pairs of int16, and what undoes their scale
inline float ShortWeights(const float* weights, int64_t count, float sum, uint32_t* out) {
  float to = kMostWeights / sum;
  if (!(to < kMostWeight)) to = kMostWeight;
  const Vec factor = Set(to);
  for (int64_t i = 0; i < count; i += kColumns) {
    const Vec second = i + kLanes < count ? Mul(Load(weights + i + kLanes), factor) : Zero();
    StoreInts(out + i / 2, PackInt16(Mul(Load(weights + i), factor), second));
  }
  return 1 / to;
}

void RunShortAttention(const AttentionCall& call) {
  const PairAttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<uint32_t*>(call.scratch);
  auto* scores = reinterpret_cast<float*>(queries + kTileRows * layout.query_stride);
  auto* weights = reinterpret_cast<uint32_t*>(scores + kTileRows * layout.score_stride);
  auto* outputs = reinterpret_cast<float*>(weights + kTileRows * layout.weight_stride);
  const float* back = ScalesBehind(PairValues(call.tokens, call.head_dim), call.value_panels);
  const int64_t block = KeyBlock(call.tokens);
  ForTiles(call.query_begin, call.query_end, [&](int64_t query, int64_t rows) {
    TileSoftmax<RoughWeights> softmax(rows);
    float factor[kTileRows], unit[kTileRows];
    ShortQueries(call, query, rows, queries, layout.query_stride, factor);
    PrefetchRows(static_cast<const float*>(call.q), query + rows, kTileRows, call.ldq, call.query_end, call.head_dim);
    PrefetchRows(static_cast<const float*>(call.out), query, rows, call.ldo, call.query_end, call.head_dim);
    for (int64_t first = 0; first < call.tokens; first += block) {
      const int64_t count = call.tokens - first < block ? call.tokens - first : block;
      ScoreShorts(call, first, count, rows, queries, layout.query_stride, factor, scores, layout.score_stride);
      softmax.Take(scores, layout.score_stride, rows, count, 1, scores, layout.score_stride);
      for (int64_t r = 0; r < rows; r++)
        unit[r] = ShortWeights(scores + r * layout.score_stride, count, softmax.sum[r], weights + r * layout.weight_stride);
      AddValues<ShortDot>(PairValues(call.tokens, call.head_dim), call.value_panels, first / 2, Pairs2(count), rows, weights,
                          layout.weight_stride, unit, softmax.factor, outputs, layout.output_stride);
    }
    for (int64_t r = 0; r < rows; r++) {
      const Vec inverse = Set(1 / softmax.sum[r]);
      const float* sums = outputs + r * layout.output_stride;
      float* out = static_cast<float*>(call.out) + (query + r) * call.ldo;
      for (int64_t d = 0; d < call.head_dim; d += kLanes) {
        const Vec mean = Mul(Mul(Load(sums + d), inverse), Load(back + d));
        if (d + kLanes <= call.head_dim) {
          Store(out + d, mean);
        } else {
          StorePart(out + d, call.head_dim - d, mean);
        }
      }
    }
  });
}

void ShortAttentionWeights(const AttentionCall& call, float* weights) {
  const PairAttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<uint32_t*>(call.scratch);
  auto* scores = reinterpret_cast<float*>(queries + kTileRows * layout.query_stride);
  float factor[kTileRows];
  ShortQueries(call, call.query_begin, 1, queries, layout.query_stride, factor);
  const auto score = [&](int64_t first, int64_t count) {
    ScoreShorts(call, first, count, 1, queries, layout.query_stride, factor, scores, layout.score_stride);
  };
  SoftmaxWeights(call.tokens, scores, score, weights);
}

constexpr Attention kAttentionInt16 = {.input = Number::kF32,
                                       .key_bytes = ShortKeyBytes,
                                       .value_bytes = ShortValueBytes,
                                       .scratch_bytes = PairAttentionScratchBytes,
                                       .pack = PackShorts,
                                       .run = RunShortAttention,
                                       .weights = ShortAttentionWeights};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
