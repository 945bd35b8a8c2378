// Four floats in the compiler's vector type (GCC, Clang): any architecture. The functions are described in sse2/vec.h.
#pragma once

#include <cstdint>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

typedef float Vec __attribute__((vector_size(16)));
typedef int32_t Mask __attribute__((vector_size(16)));
constexpr int kLanes = 4;
// 8 × 2 sums and what goes with them: half of arm64's 32 registers, so that the compiler has room for products and addresses.
constexpr int kTileRows = 8;

inline Vec Set(float x) { return Vec{x, x, x, x}; }
inline Vec Zero() { return Set(0); }
inline Vec Load(const float* p) {
  Vec x;
  __builtin_memcpy(&x, p, sizeof(x));
  return x;
}
inline void Store(float* p, Vec x) { __builtin_memcpy(p, &x, sizeof(x)); }
inline Vec LoadPart(const float* p, int64_t count) {
  Vec x = Zero();
  for (int64_t i = 0; i < count; i++) x[i] = p[i];
  return x;
}
inline void StorePart(float* p, int64_t count, Vec x) {
  for (int64_t i = 0; i < count; i++) p[i] = x[i];
}
inline Vec LoadBytes(const uint8_t* p) { return Vec{float(p[0]), float(p[1]), float(p[2]), float(p[3])}; }

inline Vec Add(Vec a, Vec b) { return a + b; }
inline Vec Sub(Vec a, Vec b) { return a - b; }
inline Vec Mul(Vec a, Vec b) { return a * b; }
inline Vec Div(Vec a, Vec b) { return a / b; }
inline Vec MulAdd(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec NegMulAdd(Vec a, Vec b, Vec c) { return c - a * b; }
inline Vec MulAddFrom(const float* a, Vec b, Vec c) { return MulAdd(Set(*a), b, c); }
inline Vec Select(Mask mask, Vec then, Vec otherwise) { return (Vec)((mask & (Mask)then) | (~mask & (Mask)otherwise)); }
inline Vec Max(Vec a, Vec b) { return Select(a > b, a, b); }
inline Vec Min(Vec a, Vec b) { return Select(a < b, a, b); }
inline Vec Abs(Vec x) { return (Vec)((Mask)x & INT32_MAX); }
inline Vec MinAbs(Vec a, Vec b) { return Min(b, Abs(a)); }
inline Vec CopySign(Vec magnitude, Vec sign) { return (Vec)((Mask)magnitude | ((Mask)sign & INT32_MIN)); }
inline Vec SelectLess(Vec a, Vec b, Vec then, Vec otherwise) { return Select(a < b, then, otherwise); }
inline Vec Round(Vec x) { return x + 12582912.f - 12582912.f; }
inline Vec ScaleByPower(Vec x, Vec n) {
  typedef uint32_t Bits __attribute__((vector_size(16)));
  const Vec scaled = (Vec)((Bits)x + ((Bits)(n + 12582912.f) << 23));
  return (Vec)((Mask)scaled & ~(n < -125.f));
}
typedef uint32_t Indices __attribute__((vector_size(16)));
inline Vec AddToExponent(Vec x, Vec n) { return (Vec)((Indices)x + ((Indices)n << 23)); }
inline Indices ExponentsOf(Vec x) { return (Indices)x >> 23; }
inline Vec Pick(const float (&table)[8], Indices of) { return Vec{table[of[0] & 7], table[of[1] & 7], table[of[2] & 7], table[of[3] & 7]}; }

inline float SumLanes(Vec x) { return (x[0] + x[2]) + (x[1] + x[3]); }
inline float MaxLanes(Vec x) {
  const float even = x[0] > x[2] ? x[0] : x[2], odd = x[1] > x[3] ? x[1] : x[3];
  return even > odd ? even : odd;
}
inline float Sqrt(float x) { return __builtin_sqrtf(x); }

inline void TransposeSquare(const float* const* rows, int64_t count, float* out, int64_t ld) {
  for (int64_t i = 0; i < kLanes; i++)
    for (int64_t j = 0; j < kLanes; j++) out[j * ld + i] = i < count ? rows[i][j] : 0;
}

inline void StoreQuads(const Vec (&rows)[4], int64_t count, float* out, int64_t) {
  for (int64_t j = 0; j < count; j++) Store(out + 4 * j, rows[j]);
}

__attribute__((always_inline)) inline void PrefetchL1(const float* p) { __builtin_prefetch(p); }
__attribute__((always_inline)) inline void PrefetchL2(const float* p) { __builtin_prefetch(p, 0, 2); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
