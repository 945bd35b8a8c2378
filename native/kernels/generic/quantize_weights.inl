// quantize_weights.h over Vec: one walk for the range, one for the errors of all scales at once, one for the bytes.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline Vec LoadUpTo(const float* p, int64_t count) { return count >= kLanes ? Load(p) : LoadPart(p, count); }

// Multiplied and subtracted one by one: a fused step would round otherwise.
inline Vec NearestByte(Vec x, Vec inverse) { return Min(Max(Round(Mul(x, inverse)), Set(-127)), Set(127)); }

// The scale of least squared error; `largest` is that of |x|.
float BestScale(const float* x, int64_t k, float largest) {
  float sums[kWeightShareCount][kWeightErrorLanes];
  Vec scale[kWeightShareCount], inverse[kWeightShareCount];
  for (int c = 0; c < kWeightShareCount; c++) {
    const float candidate = largest * kWeightShares[c] / 127;
    scale[c] = Set(candidate), inverse[c] = Set(1 / candidate);
  }
  for (int lane = 0; lane < kWeightErrorLanes; lane += kLanes) {
    Vec sum[kWeightShareCount];
    for (int c = 0; c < kWeightShareCount; c++) sum[c] = Zero();
    for (int64_t i = lane; i < k; i += kWeightErrorLanes) {
      const Vec value = LoadUpTo(x + i, k - i);
      VITRINE_UNROLL
      for (int c = 0; c < kWeightShareCount; c++) {
        const Vec error = Sub(value, Mul(NearestByte(value, inverse[c]), scale[c]));
        sum[c] = Add(sum[c], Mul(error, error));
      }
    }
    for (int c = 0; c < kWeightShareCount; c++) Store(sums[c] + lane, sum[c]);
  }
  float best = 0, least = __builtin_inff();
  for (int c = 0; c < kWeightShareCount; c++) {
    for (int half = kWeightErrorLanes / 2; half > 0; half /= 2)
      for (int j = 0; j < half; j++) sums[c][j] += sums[c][j + half];
    if (sums[c][0] < least || c == 0) least = sums[c][0], best = largest * kWeightShares[c] / 127;
  }
  return best;
}

[[maybe_unused]] void QuantizeWeights(const QuantizeWeightsCall& call) {
  Vec top = Zero(), poison = Zero();
  for (int64_t i = 0; i < call.k; i += kLanes) {
    const int64_t count = call.k - i < kLanes ? call.k - i : kLanes;
    Vec x = LoadUpTo(call.w + i, count);
    if (call.fold != nullptr) {
      x = Mul(x, LoadUpTo(call.fold + i, count));
      count == kLanes ? Store(call.w + i, x) : StorePart(call.w + i, count, x);
    }
    top = Max(Abs(x), top);
    poison = MulAdd(x, Zero(), poison);  // NaN where x is not finite
  }
  const float largest = MaxLanes(top) + SumLanes(poison);
  if (!(largest > 1e-30f)) {
    *call.scale = largest == largest ? 1 : __builtin_nanf("");  // NaN in a weight is NaN in its column
    *call.sum = 0;
    for (int64_t i = 0; i < call.k; i++) call.q[i] = 0;
    return;
  }
  *call.scale = BestScale(call.w, call.k, largest);
  const Vec inverse = Set(1 / *call.scale);
  auto* bytes = reinterpret_cast<uint8_t*>(call.q);  // 128 more than q at first: StoreBytes is for unsigned ones
  Vec sum = Zero();                                  // of integers below 2²⁴: exact
  int64_t i = 0;
  for (; i + kLanes <= call.k; i += kLanes) {
    const Vec q = NearestByte(Load(call.w + i), inverse);
    sum = Add(sum, q);
    StoreBytes(bytes + i, Add(q, Set(128)));
  }
  if (i < call.k) {
    const Vec q = NearestByte(LoadPart(call.w + i, call.k - i), inverse);
    sum = Add(sum, q);
    uint8_t last[kLanes];
    StoreBytes(last, Add(q, Set(128)));
    for (int64_t j = 0; i + j < call.k; j++) bytes[i + j] = last[j];
  }
  for (int64_t j = 0; j < call.k; j++) bytes[j] ^= 0x80;
  *call.sum = int32_t(SumLanes(sum));
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
