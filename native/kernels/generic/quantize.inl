// quantize.h over Vec, row by row: one walk for the range, one for the bytes. layer_norm.inl quantises through it too.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// Rows that make one walk before the first of them makes the next: between two walks a row waits for sums over lanes and for divisions,
// which its neighbours' walks hide. They stay in L1 meanwhile.
constexpr int64_t kRowsAbreast = 4;

// Compared as integers, floats that are not negative are in order, infinity and NaN above all; a negative one is below 0, and its negation
// among those that are not.
struct Extremes {
  IntVec low = SetInts(0), high = SetInts(0);
  void Add(Vec x) {
    high = MaxInts(high, BitsOfFloats(x));
    low = MaxInts(low, XorInts(BitsOfFloats(x), SetInts(INT32_MIN)));
  }
};

// Scale and zero point of a row whose largest value, and largest negated one, are `high` and `low`, or 0
inline void PutScale(const Extremes& extremes, float* scale, int32_t* zero) {
  const int32_t bits[2] = {MaxIntLanes(extremes.low), MaxIntLanes(extremes.high)};
  float ends[2];
  __builtin_memcpy(ends, bits, sizeof ends);
  const float range = ends[1] + ends[0];
  const bool finite = range < 3e38f;  // NaN is not
  *scale = !finite ? __builtin_nanf("") : range > 1e-30f ? range / 255 : 1;
  *zero = finite ? int32_t(ends[0] / *scale + 0.5f) : 0;
}

// value(d, count): the values of columns [d, d + count), count ≤ kLanes, zeros in lanes beyond
template <class Value>
inline void MeasureRow(int64_t dim, Value&& value, float* scale, int32_t* zero) {
  Extremes extremes;
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) extremes.Add(value(d, kLanes));
  if (d < dim) extremes.Add(value(d, dim - d));
  PutScale(extremes, scale, zero);
}

struct ToBytes {
  Vec inverse, zero;
  ToBytes(float scale, int32_t zero_point) : inverse(Set(1 / scale)), zero(Set(float(zero_point))) {}
  Vec operator()(Vec x) const { return MulAdd(x, inverse, zero); }
};

// The bytes of columns [d, dim). A row whose scale is NaN gets zeros.
template <class Value>
inline void WriteBytes(int64_t d, int64_t dim, Value&& value, float scale, int32_t zero, uint8_t* y) {
  if (scale != scale) {
    for (; d < RoundUp(dim, 4); d++) y[d] = 0;
    return;
  }
  const ToBytes bytes(scale, zero);
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

// count < kLanes values as bf16, and zeros up to a whole unit of two
inline void StoreBf16Part(uint16_t* p, int64_t count, Vec x) {
  uint16_t lanes[kLanes];
  StoreBf16(lanes, x);
  for (int64_t i = 0; i < RoundUp(count, 2); i++) p[i] = i < count ? lanes[i] : uint16_t{0};
}

// A row of floats
struct FloatRow {
  const float* x;
  Vec operator()(int64_t d, int64_t n) const { return n == kLanes ? Load(x + d) : LoadPart(x + d, n); }
  void Measure(int64_t dim, float* scale, int32_t* zero) const { MeasureRow(dim, *this, scale, zero); }
  void Write(int64_t dim, float scale, int32_t zero, uint8_t* y) const { WriteBytes(0, dim, *this, scale, zero, y); }
};

// A row of bf16. Two of them are a lane, compared as halves of it in the way of floats and converted as they lie.
struct Bf16Row {
  const uint16_t* x;
  Vec operator()(int64_t d, int64_t n) const { return n == kLanes ? LoadBf16(x + d) : LoadBf16Part(x + d, n); }
  void Measure(int64_t dim, float* scale, int32_t* zero) const {
    IntVec low = SetInts(0), high = SetInts(0);
    int64_t d = 0;
    for (; d + 2 * kLanes <= dim; d += 2 * kLanes) {
      const IntVec pairs = LoadInts(x + d);
      high = MaxInt16(high, pairs);
      low = MaxInt16(low, XorInts(pairs, SetInts(int32_t(0x80008000u))));
    }
    uint16_t ends[2][2 * kLanes];
    StoreInts(ends[0], low), StoreInts(ends[1], high);
    Extremes extremes;
    VITRINE_UNROLL
    for (int half = 0; half < 2; half++) {
      extremes.low = MaxInts(extremes.low, BitsOfFloats(LoadBf16(ends[0] + half * kLanes)));
      extremes.high = MaxInts(extremes.high, BitsOfFloats(LoadBf16(ends[1] + half * kLanes)));
    }
    for (; d < dim; d += kLanes) extremes.Add((*this)(d, dim - d < kLanes ? dim - d : kLanes));
    PutScale(extremes, scale, zero);
  }
  void Write(int64_t dim, float scale, int32_t zero, uint8_t* y) const {
    const ToBytes bytes(scale, zero);
    int64_t d = 0;
    for (; scale == scale && d + 2 * kLanes <= dim; d += 2 * kLanes) {
      Vec even, odd;
      SplitBf16(x + d, &even, &odd);
      StoreBytePairs(y + d, bytes(even), bytes(odd));
    }
    WriteBytes(d, dim, *this, scale, zero, y);
  }
};

// row(m): a FloatRow or a Bf16Row
template <class Row>
inline void QuantizeRows(const QuantizeCall& call, Row&& row) {
  for (int64_t begin = 0; begin < call.rows; begin += kRowsAbreast) {
    const int64_t end = call.rows - begin < kRowsAbreast ? call.rows : begin + kRowsAbreast;
    for (int64_t m = begin; m < end; m++) row(m).Measure(call.dim, call.scale + m, call.zero + m);
    for (int64_t m = begin; m < end; m++) row(m).Write(call.dim, call.scale[m], call.zero[m], call.y + m * call.ldy);
  }
}

[[maybe_unused]] void Quantize(const QuantizeCall& call) {
  if (call.x_number == Number::kBf16) {
    QuantizeRows(call, [&](int64_t m) { return Bf16Row{static_cast<const uint16_t*>(call.x) + m * call.ldx}; });
  } else {
    QuantizeRows(call, [&](int64_t m) { return FloatRow{static_cast<const float*>(call.x) + m * call.ldx}; });
  }
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
