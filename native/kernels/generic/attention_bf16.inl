// attention_bf16: as attention.inl, with products of bf16 pairs. Before it: attention_pairs.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

int64_t PairKeyBytes(int64_t tokens, int64_t head_dim) { return PairKeys(tokens, head_dim).Bytes(); }
int64_t PairValueBytes(int64_t tokens, int64_t head_dim) { return PairValues(tokens, head_dim).Bytes(); }

void PackPairs(const void* key_rows, const void* value_rows, int64_t ld, int64_t tokens, int64_t head_dim, void* key_out, void* value_out) {
  const auto* k = static_cast<const uint16_t*>(key_rows);
  const auto* v = static_cast<const uint16_t*>(value_rows);
  const PanelWalk keys = PairKeys(tokens, head_dim), values = PairValues(tokens, head_dim);
  const auto copy = [](const void* row, int64_t first, int64_t count, void* out) {
    __builtin_memcpy(out, static_cast<const uint16_t*>(row) + first, size_t(count) * 2);
  };
  PrefetchRows(k, 0, kColumns, ld, tokens, head_dim);
  for (int64_t t = 0; t < tokens; t += kColumns) {
    const void* rows[kColumns];
    const int64_t count = tokens - t < kColumns ? tokens - t : kColumns;
    for (int64_t i = 0; i < count; i++) rows[i] = k + (t + i) * ld;
    PrefetchRows(k, t + kColumns, kColumns, ld, tokens, head_dim);
    PrefetchRows(v, t, kColumns, ld, tokens, head_dim);
    float* panel = static_cast<float*>(key_out) + t * keys.length;
    if (head_dim % 2 == 0) {
      const float* pairs[kColumns];
      for (int64_t i = 0; i < count; i++) pairs[i] = static_cast<const float*>(rows[i]);
      PackColumns(pairs, count, keys.Width(t), keys.length, panel);
    } else {
      PackUnits(rows, head_dim, 2, panel, copy, count, keys.Width(t));
    }
  }
  const uint16_t none[kLanes] = {};
  for (int64_t d = 0; d < head_dim; d += kColumns) {
    uint32_t* panel = static_cast<uint32_t*>(value_out) + d * values.length;
    const int64_t width = values.Width(d);
    for (int64_t t = 0; t < tokens; t += 2) {
      for (int64_t i = 0; i < width; i += kLanes) {
        const int64_t rest = head_dim - d - i;
        uint32_t* out = panel + t / 2 * width + i;
        const uint16_t* first = v + t * ld + d + i;
        if (rest >= kLanes) {
          StorePairs(out, first, t + 1 < tokens ? first + ld : none);
          continue;
        }
        uint16_t a[kLanes] = {}, b[kLanes] = {};
        for (int64_t j = 0; j < rest; j++) a[j] = first[j], b[j] = t + 1 < tokens ? first[ld + j] : uint16_t{0};
        StorePairs(out, a, b);
      }
    }
  }
}

// The tile's queries side by side, an odd last channel paired with zero
inline void GatherQueries(const AttentionCall& call, int64_t query, int64_t rows, uint32_t* out, int64_t stride) {
  for (int64_t r = 0; r < rows; r++) {
    out[r * stride + Pairs2(call.head_dim) - 1] = 0;
    __builtin_memcpy(out + r * stride, static_cast<const uint16_t*>(call.q) + (query + r) * call.ldq, size_t(call.head_dim) * 2);
  }
}

// Without a bias the scores are still to be multiplied by scale·log₂e, which the softmax then does in passing.
inline float ScaleLeft(const AttentionCall& call) { return call.key_bias != nullptr ? 1 : call.scale * kLog2E; }

inline void ScorePairs(const AttentionCall& call, int64_t first, int64_t count, int64_t rows, const uint32_t* queries, int64_t query_stride,
                       float* scores, int64_t stride) {
  const PanelWalk keys = PairKeys(call.tokens, call.head_dim);
  const auto* panels = static_cast<const uint32_t*>(call.key_panels);
  for (int64_t t = first; t < first + count; t += kColumns)
    TimesPanel<PairDot>(keys, panels, t, 0, keys.length, rows, queries, query_stride, scores + t - first, stride);
  if (call.key_bias != nullptr) AddKeyBias<true>(call.key_bias, first, count, rows, call.scale * kLog2E, scores, stride);
  EndScores(scores, stride, rows, count);
}

// 4.19·2^f for f in [-½, ½]: relative error 1.7e-3, less than that of rounding to bf16. Every weight and their sum have that factor.
constexpr float kPairPower[] = {4.19598040f, 2.95034662f, 1.f};

// What is summed is what is multiplied: rounding cancels where one key has most of the weight.
struct PairWeights {
  static constexpr int64_t kUnit = 2;
  static Vec Exponent(Vec score, Vec scale, Vec base) { return MulAdd(score, scale, base); }
  template <int M>
  static void Power(Vec (&t)[M]) {
    Vec whole[M];
    VITRINE_EACH(M) whole[m] = Round(t[m]);
    VITRINE_EACH(M) t[m] = Sub(t[m], whole[m]);
    Polynomial(t, kPairPower);
    VITRINE_EACH(M) t[m] = TimesPower(t[m], whole[m]);
  }
  // An even number of vectors, so that the sum needs no other end
  template <int M>
  static void Put(uint32_t* row, const Vec (&weights)[M]) {
    StoreBf16(reinterpret_cast<uint16_t*>(row), weights[0], M == 2 ? weights[M - 1] : Zero());
  }
  template <int M>
  static Vec AddTo(Vec sum, const Vec (&)[M]) {
    return sum;
  }
  static float Sum(const uint32_t* row, int64_t count, Vec sum) {
    const uint32_t ones = 0x3f803f80;
    const auto one = PairDot::Value(&ones);
    for (int64_t i = 0; i < count; i += kColumns) sum = PairDot::Step(PairDot::Weights(row + i / 2), one, sum);
    return SumLanes(sum);
  }
};

void RunPairAttention(const AttentionCall& call) {
  const PairAttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<uint32_t*>(call.scratch);
  auto* scores = reinterpret_cast<float*>(queries + kTileRows * layout.query_stride);
  auto* weights = reinterpret_cast<uint32_t*>(scores + kTileRows * layout.score_stride);
  auto* outputs = reinterpret_cast<float*>(weights + kTileRows * layout.weight_stride);
  const int64_t block = KeyBlock(call.tokens);
  const float scale = ScaleLeft(call);
  ForTiles(call.query_begin, call.query_end, [&](int64_t query, int64_t rows) {
    TileSoftmax<PairWeights> softmax(rows);
    GatherQueries(call, query, rows, queries, layout.query_stride);
    PrefetchRows(static_cast<const uint16_t*>(call.q), query + rows, kTileRows, call.ldq, call.query_end, call.head_dim);
    PrefetchRows(static_cast<const uint16_t*>(call.out), query, rows, call.ldo, call.query_end, call.head_dim);
    for (int64_t first = 0; first < call.tokens; first += block) {
      const int64_t count = call.tokens - first < block ? call.tokens - first : block;
      ScorePairs(call, first, count, rows, queries, layout.query_stride, scores, layout.score_stride);
      softmax.Take(scores, layout.score_stride, rows, count, scale, weights, layout.weight_stride);
      AddValues<PairDot>(PairValues(call.tokens, call.head_dim), call.value_panels, first / 2, Pairs2(count), rows, weights,
                         layout.weight_stride, nullptr, softmax.factor, outputs, layout.output_stride);
    }
    for (int64_t r = 0; r < rows; r++) {
      const Vec inverse = Set(1 / softmax.sum[r]);
      const float* sums = outputs + r * layout.output_stride;
      uint16_t* out = static_cast<uint16_t*>(call.out) + (query + r) * call.ldo;
      int64_t d = 0;
      for (; d + kLanes <= call.head_dim; d += kLanes) StoreBf16(out + d, Mul(Load(sums + d), inverse));
      if (d < call.head_dim) {
        uint16_t last[kLanes];
        StoreBf16(last, Mul(Load(sums + d), inverse));
        for (int64_t i = 0; i < call.head_dim - d; i++) out[d + i] = last[i];
      }
    }
  });
}

void PairAttentionWeights(const AttentionCall& call, float* weights) {
  const PairAttentionScratch layout(call.tokens, call.head_dim);
  auto* queries = static_cast<uint32_t*>(call.scratch);
  auto* scores = reinterpret_cast<float*>(queries + kTileRows * layout.query_stride);
  GatherQueries(call, call.query_begin, 1, queries, layout.query_stride);
  const auto score = [&](int64_t first, int64_t count) {
    ScorePairs(call, first, count, 1, queries, layout.query_stride, scores, layout.score_stride);
    for (int64_t t = 0; t < count; t++) scores[t] *= ScaleLeft(call);
  };
  SoftmaxWeights(call.tokens, scores, score, weights);
}

constexpr Attention kAttentionBf16 = {.input = Number::kBf16,
                                      .key_bytes = PairKeyBytes,
                                      .value_bytes = PairValueBytes,
                                      .scratch_bytes = PairAttentionScratchBytes,
                                      .pack = PackPairs,
                                      .run = RunPairAttention,
                                      .weights = PairAttentionWeights};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
