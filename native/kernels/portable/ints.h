// Four int32 in the compiler's vector type, and the numbers narrower than a float. The functions are described in sse2/ints.h.
#pragma once

#include "vec.h"

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

typedef int32_t IntVec __attribute__((vector_size(16)));
typedef uint32_t BitVec __attribute__((vector_size(16)));

inline IntVec SetInts(int32_t x) { return IntVec{x, x, x, x}; }
inline IntVec LoadInts(const void* p) {
  IntVec x;
  __builtin_memcpy(&x, p, sizeof(x));
  return x;
}
inline void StoreInts(void* p, IntVec x) { __builtin_memcpy(p, &x, sizeof(x)); }
inline IntVec AddInts(IntVec a, IntVec b) { return a + b; }
inline IntVec SubInts(IntVec a, IntVec b) { return a - b; }
inline IntVec MulInts(IntVec a, IntVec b) { return a * b; }
inline Vec ToFloats(IntVec x) { return __builtin_convertvector(x, Vec); }
inline IntVec BitsOfFloats(Vec x) { return (IntVec)x; }
inline IntVec XorInts(IntVec a, IntVec b) { return a ^ b; }
inline IntVec MaxInts(IntVec a, IntVec b) { return (a & (a > b)) | (b & ~(a > b)); }
inline IntVec MaxInt16(IntVec a, IntVec b) {
  typedef int16_t Int16Vec __attribute__((vector_size(16)));
  const auto more = (IntVec)((Int16Vec)a > (Int16Vec)b);
  return (a & more) | (b & ~more);
}
inline int32_t MaxIntLanes(IntVec x) {
  const int32_t even = x[0] > x[2] ? x[0] : x[2], odd = x[1] > x[3] ? x[1] : x[3];
  return even > odd ? even : odd;
}

// Here int16 are halves of an int32 lane: low and high
struct EvenOdd {
  IntVec even, odd;
};
inline EvenOdd SplitUnsigned(IntVec x) { return {x & 0x00ff00ff, (IntVec)((BitVec)x >> 8) & 0x00ff00ff}; }
inline EvenOdd SplitSigned(IntVec x) {
  const auto words = [](IntVec bytes) {  // bytes 0 and 2, each sign-extended to 16 bits
    const IntVec low = (IntVec)((BitVec)bytes << 24) >> 24, high = (IntVec)((BitVec)bytes << 8) >> 24;
    return (IntVec)(((BitVec)high << 16) | ((BitVec)low & 0xffff));
  };
  return {words(x), words((IntVec)((BitVec)x >> 8))};
}
inline IntVec MulAddInt16(IntVec a, IntVec b) {
  const auto low = [](IntVec x) { return (IntVec)((BitVec)x << 16) >> 16; };
  return low(a) * low(b) + (a >> 16) * (b >> 16);
}

inline Vec LoadBf16(const uint16_t* p) {
  const BitVec bits = BitVec{p[0], p[1], p[2], p[3]} << 16;
  return (Vec)bits;
}
inline void SplitBf16(const uint16_t* p, Vec* even, Vec* odd) {
  *even = (Vec)BitVec{uint32_t(p[0]) << 16, uint32_t(p[2]) << 16, uint32_t(p[4]) << 16, uint32_t(p[6]) << 16};
  *odd = (Vec)BitVec{uint32_t(p[1]) << 16, uint32_t(p[3]) << 16, uint32_t(p[5]) << 16, uint32_t(p[7]) << 16};
}
inline void StoreBytes(uint8_t* p, Vec x) {
  const Vec whole = Round(Min(Max(x, Zero()), Set(255)));
  for (int i = 0; i < kLanes; i++) p[i] = uint8_t(whole[i]);
}
inline void StoreBytePairs(uint8_t* p, Vec even, Vec odd) {
  uint8_t bytes[2 * kLanes];
  StoreBytes(bytes, even), StoreBytes(bytes + kLanes, odd);
  for (int i = 0; i < kLanes; i++) p[2 * i] = bytes[i], p[2 * i + 1] = bytes[kLanes + i];
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
