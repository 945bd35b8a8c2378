// layer_norm.h over Vec: three walks over a row that is then in L1 (mean, variance, result).

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// Σ term(x) over a row: four chains hide the latency of the addition; lanes beyond `dim` count as `absent`.
template <class Term>
inline float SumRow(const float* x, int64_t dim, Term&& term) {
  Vec chain[4] = {Zero(), Zero(), Zero(), Zero()};
  int64_t d = 0;
  for (; d + 4 * kLanes <= dim; d += 4 * kLanes) {
    VITRINE_UNROLL
    for (int i = 0; i < 4; i++) chain[i] = term(chain[i], Load(x + d + i * kLanes));
  }
  for (; d + kLanes <= dim; d += kLanes) chain[0] = term(chain[0], Load(x + d));
  float tail = 0;
  if (d < dim) {
    alignas(64) float lanes[kLanes];
    Store(lanes, term(Zero(), LoadPart(x + d, dim - d)));
    for (int64_t i = 0; i < dim - d; i++) tail += lanes[i];
  }
  return SumLanes(Add(Add(chain[0], chain[1]), Add(chain[2], chain[3]))) + tail;
}

void LayerNorm(const LayerNormCall& call) {
  const int64_t dim = call.dim;
  for (int64_t m = 0; m < call.rows; m++) {
    const float* x = call.x + m * call.ldx;
    const Vec mean = Set(SumRow(x, dim, [](Vec sum, Vec value) { return Add(sum, value); }) / float(dim));
    const float squares = SumRow(x, dim, [mean](Vec sum, Vec value) {
      const Vec difference = Sub(value, mean);
      return MulAdd(difference, difference, sum);
    });
    const Vec inverse = Set(1 / Sqrt(squares / float(dim) + call.eps));
    const auto normal = [&](Vec value, Vec gamma, Vec beta) { return MulAdd(Mul(Sub(value, mean), inverse), gamma, beta); };
    const auto whole = [&](int64_t d) { return normal(Load(x + d), Load(call.gamma + d), Load(call.beta + d)); };
    const auto part = [&](int64_t d, int64_t n) {
      return normal(LoadPart(x + d, n), LoadPart(call.gamma + d, n), LoadPart(call.beta + d, n));
    };
    int64_t d = 0;
    switch (call.y_number) {
      case Number::kF32: {
        float* y = static_cast<float*>(call.y) + m * call.ldy;
        for (; d + kLanes <= dim; d += kLanes) Store(y + d, whole(d));
        if (d < dim) StorePart(y + d, dim - d, part(d, dim - d));
        break;
      }
      case Number::kBf16: {
        uint16_t* y = static_cast<uint16_t*>(call.y) + m * call.ldy;
        for (; d + kLanes <= dim; d += kLanes) StoreBf16(y + d, whole(d));
        if (d < dim) {
          uint16_t last[kLanes];
          StoreBf16(last, part(d, dim - d));
          for (int64_t i = 0; i < RoundUp(dim - d, 2); i++) y[d + i] = i < dim - d ? last[i] : uint16_t{0};
        }
        break;
      }
      case Number::kU8: {
        uint8_t* y = static_cast<uint8_t*>(call.y) + m * call.ldy;
        QuantizeRow(
            dim, [&](int64_t at, int64_t n) { return n == kLanes ? whole(at) : part(at, n); }, y, call.y_scale + m, call.y_zero + m);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
