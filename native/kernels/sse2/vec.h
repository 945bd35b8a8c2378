// Four floats in an XMM register, and what every ISA's vec.h has to give. It is included once, in the ISA's table.cc, before
// generic/*.inl; all of it is in an unnamed namespace, so that no other ISA's object can ever be linked to a function compiled here.
#pragma once

#include <emmintrin.h>

#include <cstdint>
#include <cstring>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Vec = __m128;
constexpr int kLanes = 4;
// Rows of the register tile, which is two vectors wide. 6 × 2 sums, 2 vectors of weights, a broadcast, a product: the 16 registers.
constexpr int kTileRows = 6;

inline Vec Zero() { return _mm_setzero_ps(); }
inline Vec Set(float x) { return _mm_set1_ps(x); }
inline Vec Load(const float* p) { return _mm_loadu_ps(p); }  // any alignment
inline void Store(float* p, Vec x) { _mm_storeu_ps(p, x); }
// The first `count` ≤ kLanes floats, zeros beyond; nothing beyond them is touched.
inline Vec LoadPart(const float* p, int64_t count) {
  alignas(16) float lanes[4] = {0, 0, 0, 0};
  for (int64_t i = 0; i < count; i++) lanes[i] = p[i];
  return _mm_load_ps(lanes);
}
inline void StorePart(float* p, int64_t count, Vec x) {
  alignas(16) float lanes[4];
  _mm_store_ps(lanes, x);
  for (int64_t i = 0; i < count; i++) p[i] = lanes[i];
}
// kLanes bytes as floats
inline Vec LoadBytes(const uint8_t* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  const __m128i bytes = _mm_unpacklo_epi8(_mm_cvtsi32_si128(four), _mm_setzero_si128());
  return _mm_cvtepi32_ps(_mm_unpacklo_epi16(bytes, _mm_setzero_si128()));
}

inline Vec Add(Vec a, Vec b) { return _mm_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm_div_ps(a, b); }
// a·b + c and c − a·b, fused where the ISA can
inline Vec MulAdd(Vec a, Vec b, Vec c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
inline Vec NegMulAdd(Vec a, Vec b, Vec c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
// *a·b + c, without a register for *a where the ISA broadcasts an operand; compilers alone would take one where *a is used twice
inline Vec MulAddFrom(const float* a, Vec b, Vec c) { return MulAdd(Set(*a), b, c); }
// b where either is NaN: put what may be NaN second to let it through, first to drop it
inline Vec Max(Vec a, Vec b) { return _mm_max_ps(a, b); }
inline Vec Min(Vec a, Vec b) { return _mm_min_ps(a, b); }
inline Vec Abs(Vec x) { return _mm_andnot_ps(_mm_set1_ps(-0.f), x); }
// The lesser magnitude; where a is NaN, anything
inline Vec MinAbs(Vec a, Vec b) { return Min(b, Abs(a)); }
inline Vec CopySign(Vec magnitude, Vec sign) { return _mm_or_ps(magnitude, _mm_and_ps(sign, _mm_set1_ps(-0.f))); }  // magnitude ≥ 0
// a < b ? then : otherwise, by lane; a NaN is not less
inline Vec SelectLess(Vec a, Vec b, Vec then, Vec otherwise) {
  const __m128 less = _mm_cmplt_ps(a, b);
  return _mm_or_ps(_mm_and_ps(less, then), _mm_andnot_ps(less, otherwise));
}
// To the nearest integer, exact for |x| < 2²²; NaN and ±infinity stay
inline Vec Round(Vec x) { return _mm_sub_ps(_mm_add_ps(x, _mm_set1_ps(12582912.f)), _mm_set1_ps(12582912.f)); }
// x·2ⁿ for x in [0.7, 1.5], integral n ≤ 0; 0 where n < -125 (no denormals); NaN in both gives NaN
inline Vec ScaleByPower(Vec x, Vec n) {
  // 1.5·2²³ + n has n in its low bits; shifted to the exponent's place they multiply by 2ⁿ.
  const __m128i exponent = _mm_slli_epi32(_mm_castps_si128(_mm_add_ps(n, _mm_set1_ps(12582912.f))), 23);
  const Vec scaled = _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(x), exponent));
  return _mm_and_ps(scaled, _mm_cmpnlt_ps(n, _mm_set1_ps(-125)));
}
// x·2ⁿ for x in [0.7, 1.5], where n comes as the float 1.5·2²³ + n, which has n in its low bits; x = 1 with n = -127 gives 0
inline Vec AddToExponent(Vec x, Vec n) {
  return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(x), _mm_slli_epi32(_mm_castps_si128(n), 23)));
}
// table[i & 7] by lane, i being the biased exponents of floats ≥ 0; the table is 32-byte aligned
using Indices = __m128i;
inline Indices ExponentsOf(Vec x) { return _mm_srli_epi32(_mm_castps_si128(x), 23); }
inline Vec Pick(const float (&table)[8], Indices of) {
  alignas(16) uint32_t e[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(e), of);
  return _mm_setr_ps(table[e[0] & 7], table[e[1] & 7], table[e[2] & 7], table[e[3] & 7]);
}

// Over the lanes, in one fixed order
inline float SumLanes(Vec x) {
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
inline float MaxLanes(Vec x) {
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}
inline float Sqrt(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

// out[j·ld + i] = rows[i][j] for i < count, j < kLanes; 0 for count ≤ i < kLanes, whose rows are not read
inline void TransposeSquare(const float* const* rows, int64_t count, float* out, int64_t ld) {
  const auto row = [=](int64_t i) { return i < count ? _mm_loadu_ps(rows[i]) : _mm_setzero_ps(); };
  __m128 a = row(0), b = row(1), c = row(2), d = row(3);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(out, a), _mm_storeu_ps(out + ld, b), _mm_storeu_ps(out + 2 * ld, c), _mm_storeu_ps(out + 3 * ld, d);
}

// Four neighbours of four rows abreast: those of row j from column 4q on at out + q·ld + 4j, for j < count
inline void StoreQuads(const Vec (&rows)[4], int64_t count, float* out, int64_t) {
  for (int64_t j = 0; j < count; j++) Store(out + 4 * j, rows[j]);
}

// Hints: any address is allowed
__attribute__((always_inline)) inline void PrefetchL1(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
__attribute__((always_inline)) inline void PrefetchL2(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
