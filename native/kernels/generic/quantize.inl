// quantize.h over Vec, row by row: one walk for the range, one for the bytes. layer_norm.inl quantises through it too.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// value(d, count): the values of columns [d, d + count), count ≤ kLanes, zeros in lanes beyond
template <class Value>
inline void QuantizeRow(int64_t dim, Value&& value, uint8_t* y, float* scale, int32_t* zero) {
  Vec low = Zero(), high = Zero(), poison = Zero();
  for (int64_t d = 0; d < dim; d += kLanes) {
    const Vec x = value(d, dim - d < kLanes ? dim - d : kLanes);
    low = Min(x, low), high = Max(x, high);
    poison = MulAdd(x, Zero(), poison);  // NaN where x is not finite
  }
  const float bottom = -MaxLanes(Sub(Zero(), low)), top = MaxLanes(high), range = top - bottom + SumLanes(poison);
  if (!(range < 3e38f)) {  // NaN included
    *scale = __builtin_nanf("");
    *zero = 0;
    for (int64_t d = 0; d < RoundUp(dim, 4); d++) y[d] = 0;
    return;
  }
  *scale = range > 1e-30f ? range / 255 : 1;
  *zero = int32_t(-bottom / *scale + 0.5f);
  const Vec inverse = Set(1 / *scale), shift = Set(float(*zero));
  const auto bytes = [&](Vec x) { return Min(Max(MulAdd(x, inverse, shift), Zero()), Set(255)); };
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) StoreBytes(y + d, bytes(value(d, kLanes)));
  if (d < dim) {
    uint8_t last[kLanes];
    StoreBytes(last, bytes(value(d, dim - d)));
    for (int64_t i = 0; i < RoundUp(dim - d, 4); i++) y[d + i] = last[i];
  }
}

inline Vec LoadBf16Part(const uint16_t* p, int64_t count) {
  uint16_t lanes[kLanes] = {};
  for (int64_t i = 0; i < count; i++) lanes[i] = p[i];
  return LoadBf16(lanes);
}

[[maybe_unused]] void Quantize(const QuantizeCall& call) {
  for (int64_t m = 0; m < call.rows; m++) {
    uint8_t* y = call.y + m * call.ldy;
    if (call.x_number == Number::kBf16) {
      const uint16_t* x = static_cast<const uint16_t*>(call.x) + m * call.ldx;
      QuantizeRow(
          call.dim, [x](int64_t d, int64_t n) { return n == kLanes ? LoadBf16(x + d) : LoadBf16Part(x + d, n); }, y, call.scale + m,
          call.zero + m);
    } else {
      const float* x = static_cast<const float*>(call.x) + m * call.ldx;
      QuantizeRow(
          call.dim, [x](int64_t d, int64_t n) { return n == kLanes ? Load(x + d) : LoadPart(x + d, n); }, y, call.scale + m, call.zero + m);
    }
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
