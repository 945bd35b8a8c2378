// activation.h over Vec. Before it: gemm.inl's sums; after it: memory. Polynomials are fitted by Remez exchange (weighted by the
// value, so that the error is relative) and rounded to float; the errors given are measured over all floats of the range.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// Several vectors go step by step side by side: each step has to wait for the one before, and a CPU looks only so far ahead.
#define VITRINE_EACH(count) \
  VITRINE_UNROLL            \
  for (int m = 0; m < (count); m++)

// c[0] + c[1]·x + … + c[N-1]·xᴺ⁻¹
template <int N, int M>
VITRINE_INLINE void Polynomial(Vec (&x)[M], const float (&c)[N]) {
  Vec sum[M];
  VITRINE_EACH(M) sum[m] = Set(c[N - 1]);
  VITRINE_UNROLL
  for (int i = N - 2; i >= 0; i--) VITRINE_EACH(M) sum[m] = MulAdd(sum[m], x[m], Set(c[i]));
  VITRINE_EACH(M) x[m] = sum[m];
}
template <int N>
inline Vec Polynomial(Vec x, const float (&c)[N]) {
  Vec one[1] = {x};
  Polynomial(one, c);
  return one[0];
}

// 2^f for f in [-½, ½]: relative error 2.1e-7; 2⁰ is 1
constexpr float kPower[] = {1.f, 0.69314700f, 0.24022242f, 0.055507336f, 0.0096715130f, 0.0013264727f};
// The same within 7.5e-5, for what is rounded to bf16 (2⁻⁹) or bytes afterwards
constexpr float kRoughPower[] = {0.99992807f, 0.69326099f, 0.24261114f, 0.05517167f};

// 2^t for t ≤ ½; 0 below 2⁻¹²⁵. NaN stays, -∞ gives 0.
template <bool rough, int M>
VITRINE_INLINE void Exp2(Vec (&t)[M]) {
  Vec whole[M];
  VITRINE_EACH(M) whole[m] = Round(t[m]);
  VITRINE_EACH(M) t[m] = Sub(t[m], whole[m]);
  if constexpr (rough) {
    Polynomial(t, kRoughPower);
  } else {
    Polynomial(t, kPower);
  }
  VITRINE_EACH(M) t[m] = ScaleByPower(t[m], whole[m]);
}
template <bool rough = false>
inline Vec Exp2(Vec t) {
  Vec one[1] = {t};
  Exp2<rough>(one);
  return one[0];
}

constexpr float kLog2E = 1.44269504f;

// x·σ(y), where x = -∞ gives 0. e^-|y| alone is computed, so neither side overflows or loses its tail.
template <bool rough>
inline Vec TimesSigmoid(Vec x, Vec y) {
  const Vec power = Exp2<rough>(Mul(Abs(y), Set(-kLog2E)));
  const Vec numerator = SelectLess(y, Zero(), power, Set(1));
  return Div(Mul(Max(Set(-1e4f), x), numerator), Add(Set(1), power));
}

constexpr float kWhole = 12582912.f;  // 1.5·2²³: floats near it are whole numbers, as AddToExponent takes them

// gelu(x) = max(x, 0) − a·Q(a), a = |x|, where Q(a) = erfc(a/√2)/2: the tail itself is computed, never 1 − erf. log₂ Q falls from -1 like
// -a²·log₂e/2 and bends ever less, so a is cut into eight pieces that grow, by the exponent of a² + split, and a short polynomial serves
// each: log₂ Q = whole + q(t)·t, t = a − centre. The centre is the float where log₂ Q comes nearest to a whole number; thus the fraction
// of the power of two loses nothing to the size of the whole.
struct GeluTail {
  static constexpr int kTerms = 4;
  float split;
  alignas(32) float centre[8], whole[8], c[kTerms][8];  // pieces in the order of their exponents & 7; `whole` with kWhole in it

  // log₂ Q(a) as a whole number (with kWhole in it) and a fraction
  template <int M>
  VITRINE_INLINE void Of(const Vec (&a)[M], Vec (&rounded)[M], Vec (&fraction)[M]) const {
    Indices piece[M];
    Vec t[M], q[M];
    VITRINE_EACH(M) piece[m] = ExponentsOf(MulAdd(a[m], a[m], Set(split)));
    VITRINE_EACH(M) t[m] = Sub(a[m], Pick(centre, piece[m]));
    VITRINE_EACH(M) q[m] = Pick(c[kTerms - 1], piece[m]);
    VITRINE_UNROLL
    for (int i = kTerms - 2; i >= 0; i--) VITRINE_EACH(M) q[m] = MulAdd(q[m], t[m], Pick(c[i], piece[m]));
    VITRINE_EACH(M) rounded[m] = MulAdd(q[m], t[m], Pick(whole, piece[m]));
    VITRINE_EACH(M) fraction[m] = MulAdd(q[m], t[m], Sub(Pick(whole, piece[m]), rounded[m]));
  }
};

// Pieces end at 1, 1.73, 2.65, 3.87, 5.57, 7.94 and 11.27; the last one's centre is where Q becomes 0.
constexpr float kGeluEnd = 13.0030565f;
constexpr GeluTail kGeluTail = {
    1,
    {1.53412056f, 2.15387464f, 3.09726906f, 4.47532845f, 7.33162785f, 9.94517899f, kGeluEnd, 0.0f},
    {kWhole - 4, kWhole - 6, kWhole - 10, kWhole - 18, kWhole - 43, kWhole - 76, kWhole - 127, kWhole - 1},
    {{-2.83885527f, -3.62142777f, -4.86714697f, -6.75269175f, -10.7673655f, -14.4901323f, -18.8691216f, -1.15107203f},
     {-0.615511656f, -0.645168185f, -0.672575057f, -0.693084776f, -0.709237933f, -0.714463115f, -0.717227161f, -0.459517181f},
     {-0.0194756836f, -0.012968814f, -0.0071727396f, -0.0033754094f, -0.000977864838f, -0.00042505766f, -0.000203290081f, -0.0516251102f},
     {0.00374091533f, 0.00206875335f, 0.000963954604f, 0.00037155734f, 0.00012037329f, 4.10510584e-05f, 1.34176926e-05f, 0.00618258724f}}};

// Relative error 2.4e-6 fused, 2.8e-6 not, for x > -9 (1e-6 for x > -3); 5e-5 beyond, where the result is below 1e-18.
template <int M>
VITRINE_INLINE void Gelu(Vec (&x)[M]) {
  Vec a[M], whole[M], fraction[M];
  VITRINE_EACH(M) a[m] = MinAbs(x[m], Set(kGeluEnd));
  kGeluTail.Of(a, whole, fraction);
  Polynomial(fraction, kPower);
  VITRINE_EACH(M) x[m] = NegMulAdd(a[m], AddToExponent(fraction[m], whole[m]), Max(Zero(), x[m]));
}

// For bf16 and bytes, where a table has sixteen lines: a·Q(a) by a parabola for each quarter of [0, 4), two multiplications in place of
// the seven of the way below. The first parabola is 0 at 0; the last is a line, exactly 0 at c, where a = min(|x|, c).
// Absolute error 6.3e-5, beyond 3.5 up to 1.7e-4; relative 5e-4 below ¼.
struct GeluParabolas {
  static constexpr float kEnd = 3.9375f;
  alignas(64) float c[3][16];

  template <int M>
  VITRINE_INLINE void Of(Vec (&x)[M]) const {
    Vec a[M], tail[M];
    Indices quarter[M];
    VITRINE_EACH(M) a[m] = MinAbs(x[m], Set(kEnd));
    VITRINE_EACH(M) quarter[m] = QuartersOf(a[m]);
    VITRINE_EACH(M) tail[m] = MulAdd(Pick(c[2], quarter[m]), a[m], Pick(c[1], quarter[m]));
    VITRINE_EACH(M) tail[m] = MulAdd(tail[m], a[m], Pick(c[0], quarter[m]));
    VITRINE_EACH(M) x[m] = Sub(Max(Zero(), x[m]), tail[m]);
  }
};

constexpr GeluParabolas kGeluParabolas = {
    {{0.f, 0.0034099503f, 0.0242821872f, 0.078294605f, 0.167556599f, 0.274492413f, 0.368978351f, 0.423238635f, 0.424446136f, 0.378195167f,
      0.302797943f, 0.219620854f, 0.145187989f, 0.0878945738f, 0.0489065759f, 0.0063085556f},
     {0.4998025f, 0.47402671f, 0.391937494f, 0.248376802f, 0.0695094615f, -0.102428466f, -0.229378954f, -0.292205095f, -0.293940037f,
      -0.253067255f, -0.192781761f, -0.132212043f, -0.0824804828f, -0.0471249782f, -0.0247756355f, -0.00160217285f},
     {-0.394825131f, -0.344792813f, -0.263688564f, -0.168078616f, -0.0783578604f, -0.00918911304f, 0.0334756151f, 0.0516666472f,
      0.0522326306f, 0.0432007462f, 0.0311476458f, 0.0201190375f, 0.0118109668f, 0.00635590032f, 0.00315272086f, 0.f}}};

// Elsewhere: max(x, 0) − a·(c − a)·P(a), a third of the operations of Gelu. P is fitted so that the error is least where
// it is weighted by max(a, ¼) against the tail; c is where gelu itself is that near to max(x, 0). Absolute error 1.7e-4; relative 1.4e-3
// below ¼.
template <int M>
VITRINE_INLINE void RoughGelu(Vec (&x)[M]) {
  if constexpr (kLanes == 16) {
    kGeluParabolas.Of(x);
  } else {
    constexpr float kEnd = 3.93f;
    constexpr float kTail[] = {0.127056569f, -0.0657414347f, -0.0298133977f, 0.0296756532f, -0.00773072289f, 0.000678683748f};
    Vec a[M], tail[M];
    VITRINE_EACH(M) tail[m] = a[m] = MinAbs(x[m], Set(kEnd));
    Polynomial(tail, kTail);
    VITRINE_EACH(M) x[m] = NegMulAdd(Mul(a[m], Sub(Set(kEnd), a[m])), tail[m], Max(Zero(), x[m]));
  }
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
  if constexpr (kind == Activation::kGeluTanh) return GeluTanh<rough>(x);
  if constexpr (kind == Activation::kQuickGelu) return TimesSigmoid<rough>(x, Mul(x, Set(1.702f)));
  if constexpr (kind == Activation::kRelu) return Max(Zero(), x);
  if constexpr (kind == Activation::kSilu) return TimesSigmoid<rough>(x, x);
  if constexpr (kind == Activation::kTanh) return Tanh(x);
  return x;
}

template <Activation kind, bool rough>
struct ActivationTag {
  template <int M>
  VITRINE_INLINE static void Of(Vec (&x)[M]) {
    if constexpr (kind == Activation::kGelu) {
      rough ? RoughGelu(x) : Gelu(x);
    } else {
      VITRINE_EACH(M) x[m] = Apply<kind, rough>(x[m]);
    }
  }
  static Vec Of(Vec x) {
    Vec one[1] = {x};
    Of(one);
    return one[0];
  }
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
