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
    float* y = call.y + m * call.ldy;
    const Vec mean = Set(SumRow(x, dim, [](Vec sum, Vec value) { return Add(sum, value); }) / float(dim));
    const float squares = SumRow(x, dim, [mean](Vec sum, Vec value) {
      const Vec difference = Sub(value, mean);
      return MulAdd(difference, difference, sum);
    });
    const Vec inverse = Set(1 / Sqrt(squares / float(dim) + call.eps));
    const auto normal = [&](Vec value, Vec gamma, Vec beta) { return MulAdd(Mul(Sub(value, mean), inverse), gamma, beta); };
    int64_t d = 0;
    for (; d + kLanes <= dim; d += kLanes) Store(y + d, normal(Load(x + d), Load(call.gamma + d), Load(call.beta + d)));
    if (const int64_t rest = dim - d; rest > 0)
      StorePart(y + d, rest, normal(LoadPart(x + d, rest), LoadPart(call.gamma + d, rest), LoadPart(call.beta + d, rest)));
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
