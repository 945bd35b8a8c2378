// class_attention.h over the register tile: scores of a tile of tokens with heads side by side in the lanes, softmax over tokens by lane,
// then a tile of heads times two vectors of channels, over all tokens. Before it: tile.inl, pack.inl, activation.inl, quantize.inl.
// Letters: T tokens, D width, W lanes that the heads of a group take (one vector or two).

#include <cmath>  // INFINITY

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// Heads of a group are as many as a panel has columns; the last group takes one vector where that is enough.
struct ClassScratch {
  int64_t weights;  // [T][W] in floats, before the panel [D][W]
  int64_t bytes;
  ClassScratch(int64_t tokens, int64_t dim, int64_t heads) {
    const int64_t width = heads > kLanes ? kColumns : kLanes;
    weights = RoundUp(tokens * width, 16);
    bytes = RoundUp((weights + dim * width) * 4, 64);
  }
};

int64_t ClassScratchBytes(int64_t tokens, int64_t dim, int64_t heads) { return ClassScratch(tokens, dim, heads).bytes; }

// The scores of all tokens, in powers of two, → weights[T][V·kLanes]
template <int V>
inline void ClassScores(const ClassAttentionCall& call, int64_t head, int64_t heads, float* panel, float* weights) {
  constexpr int64_t kWidth = V * kLanes;
  const float* rows[kColumns];
  for (int64_t h = 0; h < heads; h++) rows[h] = call.u + (head + h) * call.ldu;
  PackColumns(rows, heads, kWidth, call.dim, panel);
  const Vec factor = Set(call.scale * kLog2E);
  for (int64_t i = 0; i < call.dim * kWidth; i += kLanes) Store(panel + i, Mul(Load(panel + i), factor));
  ForTiles(0, call.tokens, [&](int64_t token, int64_t tile) {
    TileRows<FloatDot, V>(tile, call.x + token * call.ldx, call.ldx, panel, call.dim, weights + token * kWidth, kWidth);
  });
  if (call.key_bias == nullptr) return;
  for (int64_t t = 0; t < call.tokens; t++) {
    const Vec bias = Set(call.key_bias[t] * kLog2E);
    for (int64_t i = 0; i < kWidth; i += kLanes) Store(weights + t * kWidth + i, Add(Load(weights + t * kWidth + i), bias));
  }
}

// Scores of one vector of heads → their softmax over the tokens, in place
inline void ClassSoftmax(int64_t tokens, int64_t width, float* weights) {
  constexpr int kTogether = 4;
  Vec top = Set(-INFINITY);
  for (int64_t t = 0; t < tokens; t++) top = Max(Load(weights + t * width), top);
  // Only -∞: any base gives weights of 0, and 0/0 is NaN as softmax has it
  const Vec base = SelectLess(top, Set(-3.4028235e38f), Zero(), top);
  Vec sum = Zero();
  int64_t t = 0;
  for (; t + kTogether <= tokens; t += kTogether) {
    Vec some[kTogether];
    VITRINE_EACH(kTogether) some[m] = Sub(Load(weights + (t + m) * width), base);
    Exp2<false>(some);
    VITRINE_EACH(kTogether) {
      Store(weights + (t + m) * width, some[m]);
      sum = Add(sum, some[m]);
    }
  }
  for (; t < tokens; t++) {
    const Vec one = Exp2<false>(Sub(Load(weights + t * width), base));
    Store(weights + t * width, one);
    sum = Add(sum, one);
  }
  const Vec inverse = Div(Set(1), sum);
  for (t = 0; t < tokens; t++) Store(weights + t * width, Mul(Load(weights + t * width), inverse));
}

inline void PutMean(const ClassAttentionCall& call, int64_t head, int64_t d, int64_t count, Vec mean) {
  if (call.out_number == Number::kF32) {
    float* out = static_cast<float*>(call.out) + head * call.ldo + d;
    return count == kLanes ? Store(out, mean) : StorePart(out, count, mean);
  }
  uint16_t* out = static_cast<uint16_t*>(call.out) + head * call.ldo + d;
  count == kLanes ? StoreBf16(out, mean) : StoreBf16Part(out, count, mean);
}

// Means of R heads in V vectors of channels from d on, of which `last` are in the last vector
template <int R, int V>
void ClassMeans(const ClassAttentionCall& call, const float* weights, int64_t width, int64_t head, int64_t d, int64_t last) {
  Vec sum[R][V];
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) sum[r][v] = Zero();
  }
  const float* x = call.x + d;
  const auto step = [&](int64_t t, auto&& load) {
    Vec tokens[V];
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) tokens[v] = load(x + t * call.ldx + v * kLanes);
    VITRINE_UNROLL
    for (int r = 0; r < R; r++) {
      const Vec weight = Set(weights[t * width + r]);
      VITRINE_UNROLL
      for (int v = 0; v < V; v++) sum[r][v] = MulAdd(weight, tokens[v], sum[r][v]);
    }
  };
  if (last == kLanes) {
    VITRINE_UNROLL_K
    for (int64_t t = 0; t < call.tokens; t++) step(t, [](const float* at) { return Load(at); });
  } else {  // V is 1
    for (int64_t t = 0; t < call.tokens; t++) step(t, [last](const float* at) { return LoadPart(at, last); });
  }
  VITRINE_UNROLL
  for (int r = 0; r < R; r++) {
    VITRINE_UNROLL
    for (int v = 0; v < V; v++) PutMean(call, head + r, d + v * kLanes, v + 1 < V ? kLanes : last, sum[r][v]);
  }
}

// That many heads, 1 ≤ rows ≤ kTileRows, in all channels
template <int R = kTileRows>
void ClassMeansOfRows(const ClassAttentionCall& call, int64_t rows, const float* weights, int64_t width, int64_t head) {
  if (rows == R) {
    int64_t d = 0;
    for (; d + kColumns <= call.dim; d += kColumns) ClassMeans<R, kTileVecs>(call, weights, width, head, d, kLanes);
    for (; d < call.dim; d += kLanes)
      ClassMeans<R, 1>(call, weights, width, head, d, call.dim - d < kLanes ? call.dim - d : int64_t{kLanes});
  } else if constexpr (R > 1) {
    ClassMeansOfRows<R - 1>(call, rows, weights, width, head);
  }
}

void RunClassAttention(const ClassAttentionCall& call) {
  const ClassScratch layout(call.tokens, call.dim, call.heads);
  auto* weights = static_cast<float*>(call.scratch);
  float* panel = weights + layout.weights;
  for (int64_t head = 0; head < call.heads; head += kColumns) {
    const int64_t heads = call.heads - head < kColumns ? call.heads - head : int64_t{kColumns};
    const int64_t width = heads > kLanes ? kColumns : kLanes;
    width == kColumns ? ClassScores<kTileVecs>(call, head, heads, panel, weights) : ClassScores<1>(call, head, heads, panel, weights);
    for (int64_t i = 0; i < width; i += kLanes) ClassSoftmax(call.tokens, width, weights + i);
    for (int64_t h = 0; h < heads && call.weights != nullptr; h++)
      for (int64_t t = 0; t < call.tokens; t++) call.weights[(head + h) * call.tokens + t] = weights[t * width + h];
    if (call.out == nullptr) continue;
    ForTiles(0, heads, [&](int64_t first, int64_t rows) { ClassMeansOfRows(call, rows, weights + first, width, head + first); });
  }
}

constexpr ClassAttention kClassAttention = {.scratch_bytes = ClassScratchBytes, .run = RunClassAttention};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
