// Eight int16 in plain arrays, for generic/resample.inl on any CPU. The names are described in sse2/pairs.h.
#pragma once

#include <cstdint>
#include <cstring>

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct Pairs {
  int16_t v[8];
};
struct Sums {
  uint32_t v[4];  // int32, but free to wrap around
};
constexpr int kTaps = 2;
constexpr int kTapBytes = 6;
constexpr int kRowBlock = 16;

inline Sums ZeroSums() { return {}; }
inline Sums MulAddPairs(Sums sums, Pairs a, Pairs b) {
  for (int i = 0; i < 4; i++) sums.v[i] += uint32_t(a.v[2 * i] * b.v[2 * i] + a.v[2 * i + 1] * b.v[2 * i + 1]);
  return sums;
}
inline Sums JoinSums(Sums high, Sums low) {
  for (int i = 0; i < 4; i++) high.v[i] = high.v[i] * 2048 + low.v[i];
  return high;
}

struct Rounding {
  int32_t bits;
};
inline Rounding MakeRounding(int32_t bits) { return {bits}; }
inline void StoreLevels(Sums sums, const Rounding& rounding, uint8_t* out) {
  for (int i = 0; i < 4; i++) {
    const int32_t level = int32_t(sums.v[i] + (1u << (rounding.bits - 1))) >> rounding.bits;
    out[i] = uint8_t(level < 0 ? 0 : level > 255 ? 255 : level);
  }
}

inline Pairs LoadTaps(const uint8_t* p) { return {{p[0], p[3], p[1], p[4], p[2], p[5], 0, 0}}; }
inline Pairs BroadcastPair(const uint8_t* packed) {
  Pairs pairs;
  for (int i = 0; i < 4; i++) std::memcpy(pairs.v + 2 * i, packed, 4);
  return pairs;
}
inline void LoadTapCoefficients(const uint8_t* packed, Pairs* high, Pairs* low) {
  *high = BroadcastPair(packed);
  *low = BroadcastPair(packed + 4);
}
inline void StorePixels(const Sums rows[4], const Rounding& rounding, uint8_t rgbx[16]) {
  for (int r = 0; r < 4; r++) StoreLevels(rows[r], rounding, rgbx + 4 * r);
}

inline void LoadRowPair(const uint8_t* upper, const uint8_t* lower, Pairs pairs[4]) {
  for (int q = 0; q < 4; q++) {
    for (int i = 0; i < 4; i++) {
      pairs[q].v[2 * i] = upper[4 * q + i];
      pairs[q].v[2 * i + 1] = lower[4 * q + i];
    }
  }
}
inline void StoreRowBlock(const Sums sums[4], const Rounding& rounding, uint8_t* out) {
  for (int q = 0; q < 4; q++) StoreLevels(sums[q], rounding, out + 4 * q);
}

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
