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
inline void StoreBytes(uint8_t* p, Vec x) {
  const Vec whole = Round(x);
  for (int i = 0; i < kLanes; i++) p[i] = uint8_t(whole[i]);
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
