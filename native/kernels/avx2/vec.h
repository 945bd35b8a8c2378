// Eight floats in a YMM register. The functions that every ISA's vec.h gives to generic/*.inl are described in sse2/vec.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

using Vec = __m256;
constexpr int kLanes = 8;
// 6 rows × 2 vectors of sums, 2 vectors of weights, 1 or 2 broadcasts: the 16 registers, and 12 chains cover two pipes × latency 4 to 5.
constexpr int kTileRows = 6;

inline Vec Zero() { return _mm256_setzero_ps(); }
inline Vec Set(float x) { return _mm256_set1_ps(x); }
inline Vec Load(const float* p) { return _mm256_loadu_ps(p); }
inline void Store(float* p, Vec x) { _mm256_storeu_ps(p, x); }
inline __m256i FirstLanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec LoadPart(const float* p, int64_t count) { return _mm256_maskload_ps(p, FirstLanes(count)); }
inline void StorePart(float* p, int64_t count, Vec x) { _mm256_maskstore_ps(p, FirstLanes(count), x); }
inline Vec LoadBytes(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}

inline Vec Add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec MulAdd(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec NegMulAdd(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
inline Vec MulAddFrom(const float* a, Vec b, Vec c) { return MulAdd(Set(*a), b, c); }
inline Vec Max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec Min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec Abs(Vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.f), x); }
inline Vec MinAbs(Vec a, Vec b) { return Min(b, Abs(a)); }
inline Vec CopySign(Vec magnitude, Vec sign) { return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.f))); }
inline Vec SelectLess(Vec a, Vec b, Vec then, Vec otherwise) { return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
inline Vec Round(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec ScaleByPower(Vec x, Vec n) {
  // 1.5·2²³ + n has n in its low bits; shifted to the exponent's place they multiply by 2ⁿ.
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(_mm256_add_ps(n, _mm256_set1_ps(12582912.f))), 23);
  const Vec scaled = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent));
  return _mm256_and_ps(scaled, _mm256_cmp_ps(n, _mm256_set1_ps(-125), _CMP_NLT_UQ));
}
inline Vec AddToExponent(Vec x, Vec n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(_mm256_castps_si256(n), 23)));
}
using Indices = __m256i;
inline Indices ExponentsOf(Vec x) { return _mm256_srli_epi32(_mm256_castps_si256(x), 23); }
inline Vec Pick(const float (&table)[8], Indices of) { return _mm256_permutevar8x32_ps(_mm256_load_ps(table), of); }

inline float SumLanes(Vec x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
inline float MaxLanes(Vec x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
inline float Sqrt(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

inline void TransposeSquare(const float* const* rows, int64_t count, float* out, int64_t ld) {
  const auto row = [=](int64_t i) { return i < count ? _mm256_loadu_ps(rows[i]) : _mm256_setzero_ps(); };
  for (int q = 0; q < 2; q++) {  // rows 4q to 4q + 3
    const __m256 a = row(4 * q), b = row(4 * q + 1), c = row(4 * q + 2), d = row(4 * q + 3);
    const __m256 ac0 = _mm256_unpacklo_ps(a, c), ac1 = _mm256_unpackhi_ps(a, c), bd0 = _mm256_unpacklo_ps(b, d),
                 bd1 = _mm256_unpackhi_ps(b, d);
    const __m256 columns[4] = {_mm256_unpacklo_ps(ac0, bd0), _mm256_unpackhi_ps(ac0, bd0), _mm256_unpacklo_ps(ac1, bd1),
                               _mm256_unpackhi_ps(ac1, bd1)};  // and in the upper halves those four further
    for (int j = 0; j < 4; j++) {
      _mm_storeu_ps(out + j * ld + 4 * q, _mm256_castps256_ps128(columns[j]));
      _mm_storeu_ps(out + (j + 4) * ld + 4 * q, _mm256_extractf128_ps(columns[j], 1));
    }
  }
}

inline void StoreQuads(const Vec (&rows)[4], int64_t count, float* out, int64_t ld) {
  for (int64_t j = 0; j < count; j++) {
    _mm_storeu_ps(out + 4 * j, _mm256_castps256_ps128(rows[j]));
    _mm_storeu_ps(out + ld + 4 * j, _mm256_extractf128_ps(rows[j], 1));
  }
}

__attribute__((always_inline)) inline void PrefetchL1(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
__attribute__((always_inline)) inline void PrefetchL2(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
