// layer_norm.h over Vec: three walks over rows that are then in L1 (mean, variance, result).

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
  for (int64_t begin = 0; begin < call.rows; begin += kRowsAbreast) {
    const int64_t rows = call.rows - begin < kRowsAbreast ? call.rows - begin : kRowsAbreast;
    const auto row = [&](int64_t r) { return call.x + (begin + r) * call.ldx; };
    float means[kRowsAbreast], inverses[kRowsAbreast];
    for (int64_t r = 0; r < rows; r++) means[r] = SumRow(row(r), dim, [](Vec sum, Vec value) { return Add(sum, value); }) / float(dim);
    for (int64_t r = 0; r < rows; r++) {
      const float squares = SumRow(row(r), dim, [mean = Set(means[r])](Vec sum, Vec value) {
        const Vec difference = Sub(value, mean);
        return MulAdd(difference, difference, sum);
      });
      inverses[r] = 1 / Sqrt(squares / float(dim) + call.eps);
    }
    // body(r, value), value(d, n) as quantize.inl wants it
    const auto each = [&](auto&& body) {
      for (int64_t r = 0; r < rows; r++) {
        const float* x = row(r);
        const Vec mean = Set(means[r]), inverse = Set(inverses[r]);
        const auto normal = [&](Vec value, Vec gamma, Vec beta) { return MulAdd(Mul(Sub(value, mean), inverse), gamma, beta); };
        body(begin + r, [&](int64_t d, int64_t n) {
          return n == kLanes ? normal(Load(x + d), Load(call.gamma + d), Load(call.beta + d))
                             : normal(LoadPart(x + d, n), LoadPart(call.gamma + d, n), LoadPart(call.beta + d, n));
        });
      }
    };
    switch (call.y_number) {
      case Number::kF32:
        each([&](int64_t m, auto&& value) {
          float* y = static_cast<float*>(call.y) + m * call.ldy;
          int64_t d = 0;
          for (; d + kLanes <= dim; d += kLanes) Store(y + d, value(d, kLanes));
          if (d < dim) StorePart(y + d, dim - d, value(d, dim - d));
        });
        break;
      case Number::kBf16:
        each([&](int64_t m, auto&& value) {
          uint16_t* y = static_cast<uint16_t*>(call.y) + m * call.ldy;
          int64_t d = 0;
          for (; d + kLanes <= dim; d += kLanes) StoreBf16(y + d, value(d, kLanes));
          if (d < dim) StoreBf16Part(y + d, dim - d, value(d, dim - d));
        });
        break;
      case Number::kU8:
        each([&](int64_t m, auto&& value) { MeasureRow(dim, value, call.y_scale + m, call.y_zero + m); });
        each([&](int64_t m, auto&& value) {
          WriteBytes(0, dim, value, call.y_scale[m], call.y_zero[m], static_cast<uint8_t*>(call.y) + m * call.ldy);
        });
        break;
    }
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
