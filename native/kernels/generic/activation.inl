// activation.h over Vec. Before it: gemm.inl's sums; after it: memory. Polynomials are fitted by Remez exchange (weighted by the
// value, so that the error is relative) and rounded to float; the errors given are measured over all floats of the range.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// c[0] + c[1]·x + … + c[N-1]·xᴺ⁻¹
template <int N>
inline Vec Polynomial(Vec x, const float (&c)[N]) {
  Vec sum = Set(c[N - 1]);
  VITRINE_UNROLL
  for (int i = N - 2; i >= 0; i--) sum = MulAdd(sum, x, Set(c[i]));
  return sum;
}

// 2^fraction·2^whole, fraction in [-½, ½], whole integral ≤ 0. Relative error 2.1e-7; 2⁰ is 1; 0 below 2⁻¹²⁵.
inline Vec PowerOfTwo(Vec fraction, Vec whole) {
  constexpr float kPower[] = {1.f, 0.69314700f, 0.24022242f, 0.055507336f, 0.0096715130f, 0.0013264727f};
  return ScaleByPower(Polynomial(fraction, kPower), whole);
}

// The same within 7.5e-5, for what is rounded to bf16 (2⁻⁹) or bytes afterwards
inline Vec RoughPowerOfTwo(Vec fraction, Vec whole) {
  constexpr float kPower[] = {0.99992807f, 0.69326099f, 0.24261114f, 0.05517167f};
  return ScaleByPower(Polynomial(fraction, kPower), whole);
}

// 2^t for t ≤ ½. NaN stays, -∞ gives 0.
template <bool rough = false>
inline Vec Exp2(Vec t) {
  const Vec whole = Round(t);
  return rough ? RoughPowerOfTwo(Sub(t, whole), whole) : PowerOfTwo(Sub(t, whole), whole);
}

constexpr float kLog2E = 1.44269504f;

// x·σ(y), where x = -∞ gives 0. e^-|y| alone is computed, so neither side overflows or loses its tail.
template <bool rough>
inline Vec TimesSigmoid(Vec x, Vec y) {
  const Vec power = Exp2<rough>(Mul(Abs(y), Set(-kLog2E)));
  const Vec numerator = SelectLess(y, Zero(), power, Set(1));
  return Div(Mul(Max(Set(-1e4f), x), numerator), Add(Set(1), power));
}

// gelu(x) = max(x, 0) − a·Q(a), a = |x|, where Q(a) = erfc(a/√2)/2 = 2^(S(a) − a²·log₂e/2): the tail itself is computed, never 1 − erf.
// S(a) = log₂(erfcx(a/√2)/2) is smooth: degree 12 on [0, 9]. Where multiply-adds are fused, a² is never rounded before the whole part
// is taken from it.
// Relative error 2.6e-6 fused, 3.6e-6 not, for x > -9 (9e-7 for x > -3); beyond, S is extrapolated and the result, below 1e-18, has the
// right magnitude.
inline Vec Gelu(Vec x) {
  constexpr float kTail[] = {-3.5597343f,   -1.3264756f,  0.56697857f,   -0.30213118f,  0.16989072f,   -0.096741498f, 0.053228382f,
                             -0.023641160f, 0.010574725f, -0.011084237f, 0.0053572226f, 0.0035906346f, -0.0027778028f};
  const Vec a = Min(Set(13.2f), Abs(x));  // Q(13.2) is below the smallest normal float
  const Vec half_log = Mul(a, Set(kLog2E / 2));
  const Vec s = Polynomial(MulAdd(a, Set(2.f / 9), Set(-1)), kTail);
  const Vec whole = Round(NegMulAdd(a, half_log, s));
  const Vec fraction = Sub(s, MulAdd(a, half_log, whole));
  return NegMulAdd(a, PowerOfTwo(fraction, whole), Max(Zero(), x));
}

// The same with S of degree 5 on [0, 6] and the rough power: relative error 5e-4; below -6 the result is -6e-9 or less.
inline Vec RoughGelu(Vec x) {
  constexpr float kTail[] = {-3.0402914f, -1.2260796f, 0.44876852f, -0.19907253f, 0.11682959f, -0.04900933f};
  const Vec a = Min(Set(6), Abs(x));
  const Vec s = NegMulAdd(a, Mul(a, Set(kLog2E / 2)), Polynomial(MulAdd(a, Set(1.f / 3), Set(-1)), kTail));
  const Vec whole = Round(s);
  return NegMulAdd(a, RoughPowerOfTwo(Sub(s, whole), whole), Max(Zero(), x));
}

// x/2·(1 + tanh(u)) = x·σ(2u)
template <bool rough>
inline Vec GeluTanh(Vec x) {
  constexpr float kTwoRoot2OverPi = 1.59576912f;
  return TimesSigmoid<rough>(x, Mul(x, MulAdd(Mul(x, x), Set(kTwoRoot2OverPi * 0.044715f), Set(kTwoRoot2OverPi))));
}

inline Vec Tanh(Vec x) {
  constexpr float kSmall[] = {1.f,           -0.33333263f, 0.13331185f,
                              -0.053725231f, 0.020603152f, -0.0056724260f};  // tanh(x)/x over x², |x| < 0.625
  const Vec a = Abs(x);
  const Vec power = Exp2(Mul(a, Set(-2 * kLog2E)));
  const Vec far = CopySign(Div(Sub(Set(1), power), Add(Set(1), power)), x);
  return SelectLess(a, Set(0.625f), Mul(x, Polynomial(Mul(x, x), kSmall)), far);
}

template <Activation kind, bool rough>
inline Vec Apply(Vec x) {
  if constexpr (kind == Activation::kGelu) return rough ? RoughGelu(x) : Gelu(x);
  if constexpr (kind == Activation::kGeluTanh) return GeluTanh<rough>(x);
  if constexpr (kind == Activation::kQuickGelu) return TimesSigmoid<rough>(x, Mul(x, Set(1.702f)));
  if constexpr (kind == Activation::kRelu) return Max(Zero(), x);
  if constexpr (kind == Activation::kSilu) return TimesSigmoid<rough>(x, x);
  if constexpr (kind == Activation::kTanh) return Tanh(x);
  return x;
}

template <Activation kind, bool rough>
struct ActivationTag {
  static Vec Of(Vec x) { return Apply<kind, rough>(x); }
};

// body(tag) with tag.Of(x) for the activation, so that the choice is made once and not per element
template <bool rough, class Body>
inline void WithActivation(Activation activation, Body&& body) {
  switch (activation) {
    case Activation::kNone:
      return body(ActivationTag<Activation::kNone, rough>{});
    case Activation::kGelu:
      return body(ActivationTag<Activation::kGelu, rough>{});
    case Activation::kGeluTanh:
      return body(ActivationTag<Activation::kGeluTanh, rough>{});
    case Activation::kQuickGelu:
      return body(ActivationTag<Activation::kQuickGelu, rough>{});
    case Activation::kRelu:
      return body(ActivationTag<Activation::kRelu, rough>{});
    case Activation::kSilu:
      return body(ActivationTag<Activation::kSilu, rough>{});
    case Activation::kTanh:
      return body(ActivationTag<Activation::kTanh, rough>{});
  }
}

[[maybe_unused]] void Activate(Activation activation, const float* x, float* y, int64_t count) {
  WithActivation<false>(activation, [=](auto tag) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) Store(y + i, tag.Of(Load(x + i)));
    if (i < count) StorePart(y + i, count - i, tag.Of(LoadPart(x + i, count - i)));
  });
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
