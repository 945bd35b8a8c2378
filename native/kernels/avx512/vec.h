// Sixteen floats in a ZMM register. The functions that every ISA's vec.h gives to generic/*.inl are described in sse2/vec.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's own header sets "undefined" registers from themselves
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>

#include <cstdint>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Vec = __m512;
constexpr int kLanes = 16;
// 14 rows × 2 vectors of sums, 2 vectors of weights, 2 of broadcasts: all 32 registers, and 28 chains cover the latency of 4.
constexpr int kTileRows = 14;

inline Vec Zero() { return _mm512_setzero_ps(); }
inline Vec Set(float x) { return _mm512_set1_ps(x); }
inline Vec Load(const float* p) { return _mm512_loadu_ps(p); }
inline void Store(float* p, Vec x) { _mm512_storeu_ps(p, x); }
inline __mmask16 FirstLanes(int64_t count) { return __mmask16((1u << count) - 1); }
inline Vec LoadPart(const float* p, int64_t count) { return _mm512_maskz_loadu_ps(FirstLanes(count), p); }
inline void StorePart(float* p, int64_t count, Vec x) { _mm512_mask_storeu_ps(p, FirstLanes(count), x); }
inline Vec LoadBytes(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

inline Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec MulAdd(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec NegMulAdd(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
__attribute__((always_inline)) inline Vec MulAddFrom(const float* a, Vec b, Vec c) {
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*a));
  return c;
}
inline Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec Min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec Abs(Vec x) { return _mm512_abs_ps(x); }
inline Vec MinAbs(Vec a, Vec b) { return _mm512_range_ps(a, b, 0x0A); }
inline Vec CopySign(Vec magnitude, Vec sign) { return _mm512_or_ps(magnitude, _mm512_and_ps(sign, _mm512_set1_ps(-0.f))); }
inline Vec SelectLess(Vec a, Vec b, Vec then, Vec otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, then);
}
inline Vec Round(Vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec ScaleByPower(Vec x, Vec n) { return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(n, _mm512_set1_ps(-125), _CMP_NLT_UQ), x, n); }
inline Vec AddToExponent(Vec x, Vec n) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_slli_epi32(_mm512_castps_si512(n), 23)));
}
using Indices = __m512i;
inline Indices ExponentsOf(Vec x) { return _mm512_srli_epi32(_mm512_castps_si512(x), 23); }
inline Vec Pick(const float (&table)[8], Indices of) { return _mm512_permutexvar_ps(of, _mm512_broadcast_f32x8(_mm256_load_ps(table))); }
// floor(4·x) of 0 ≤ x < 4 in the lowest bits; table[i & 15] by lane, the table 64-byte aligned
inline Indices QuartersOf(Vec x) {
  return _mm512_castps_si512(_mm512_add_round_ps(x, _mm512_set1_ps(0x1.8p21f), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
}
inline Vec Pick(const float (&table)[16], Indices of) { return _mm512_permutexvar_ps(of, _mm512_load_ps(table)); }

inline float SumLanes(Vec x) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}
inline float MaxLanes(Vec x) { return _mm512_reduce_max_ps(x); }
inline float Sqrt(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

inline void TransposeSquare(const float* const* rows, int64_t count, float* out, int64_t ld) {
  const auto row = [=](int64_t i) { return i < count ? _mm512_loadu_ps(rows[i]) : _mm512_setzero_ps(); };
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 8; i++) {  // rows i and i + 8 … of four neighbours: pairs of columns
    const int first = i / 2 * 4 + i % 2, second = first + 2;
    const __m512 x = row(first), y = row(second);
    a[first] = _mm512_unpacklo_ps(x, y), a[second] = _mm512_unpackhi_ps(x, y);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; i++) {  // quarter q of b[4i + c]: column 4q + c of rows 4i to 4i + 3
    b[4 * i] = _mm512_unpacklo_ps(a[4 * i], a[4 * i + 1]), b[4 * i + 1] = _mm512_unpackhi_ps(a[4 * i], a[4 * i + 1]);
    b[4 * i + 2] = _mm512_unpacklo_ps(a[4 * i + 2], a[4 * i + 3]), b[4 * i + 3] = _mm512_unpackhi_ps(a[4 * i + 2], a[4 * i + 3]);
  }
#pragma GCC unroll 16
  for (int c = 0; c < 4; c++) {
    const __m512 even0 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x88), odd0 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xDD);
    const __m512 even1 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x88), odd1 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xDD);
    _mm512_storeu_ps(out + c * ld, _mm512_shuffle_f32x4(even0, even1, 0x88));
    _mm512_storeu_ps(out + (4 + c) * ld, _mm512_shuffle_f32x4(odd0, odd1, 0x88));
    _mm512_storeu_ps(out + (8 + c) * ld, _mm512_shuffle_f32x4(even0, even1, 0xDD));
    _mm512_storeu_ps(out + (12 + c) * ld, _mm512_shuffle_f32x4(odd0, odd1, 0xDD));
  }
}

inline void StoreQuads(const Vec (&rows)[4], int64_t count, float* out, int64_t ld) {
  const Vec low0 = _mm512_shuffle_f32x4(rows[0], rows[1], 0x44), low1 = _mm512_shuffle_f32x4(rows[2], rows[3], 0x44);
  const Vec high0 = _mm512_shuffle_f32x4(rows[0], rows[1], 0xEE), high1 = _mm512_shuffle_f32x4(rows[2], rows[3], 0xEE);
  StorePart(out, 4 * count, _mm512_shuffle_f32x4(low0, low1, 0x88)), StorePart(out + ld, 4 * count, _mm512_shuffle_f32x4(low0, low1, 0xDD));
  StorePart(out + 2 * ld, 4 * count, _mm512_shuffle_f32x4(high0, high1, 0x88));
  StorePart(out + 3 * ld, 4 * count, _mm512_shuffle_f32x4(high0, high1, 0xDD));
}

__attribute__((always_inline)) inline void PrefetchL1(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
__attribute__((always_inline)) inline void PrefetchL2(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
