// A 64-bit checksum as fast as memory is read, against disks and accidents, not against forgery. Used by packed_cache.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace vitrine {

// Eight chains of words, each step a bijection of the chain and of the word: whatever changes inside one aligned word changes the result;
// what changes in several is missed once in 2⁶⁴. `seed` continues another checksum, or makes an independent one.
inline uint64_t Checksum(const void* data, size_t bytes, uint64_t seed) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  constexpr int kChains = 8;
  const auto step = [](uint64_t chain, uint64_t word) { return std::rotl((chain ^ word) * kOdd, 31); };
  uint64_t chains[kChains], words[kChains];
  for (int i = 0; i < kChains; i++) chains[i] = seed + uint64_t(i + 1) * 0xd1342543de82ef95;
  const auto* from = static_cast<const char*>(data);
  size_t left = bytes;
  for (; left >= sizeof words; from += sizeof words, left -= sizeof words) {
    std::memcpy(words, from, sizeof words);
    for (int i = 0; i < kChains; i++) chains[i] = step(chains[i], words[i]);
  }
  if (left > 0) {
    std::memset(words, 0, sizeof words);
    std::memcpy(words, from, left);
    for (int i = 0; i < kChains; i++) chains[i] = step(chains[i], words[i]);
  }
  uint64_t sum = step(seed, bytes);
  for (const uint64_t chain : chains) sum = step(sum, chain);
  sum = (sum ^ sum >> 32) * kOdd;
  return sum ^ sum >> 29;
}

}  // namespace vitrine
