// What a file of the packed cache looks like: a header of kHeaderAlignment-padded bytes, then the weights as they lie in memory.
//   Prelude | key | checksums of the chunks | zeros | weights
// The key begins with the sources, so that cache_folder.cc can tell an entry whose model is gone. Used by packed_cache.cc, cache_folder.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitrine {

constexpr char kCacheEnding[] = ".packed";
constexpr int64_t kChunkBytes = int64_t{2} << 20;  // a huge page: no two threads clear the same one
constexpr uint64_t kMostKeyBytes = uint64_t{64} << 20;

// In the machine's own byte order: another one's magic is another number.
struct Prelude {
  uint64_t magic = 0x314b434150544956;  // "VITPACK1"
  uint64_t key_bytes = 0;
  uint64_t source_bytes = 0;  // of the key
  uint64_t weight_bytes = 0;
  uint64_t checksum = 0;  // of the header, this field being 0
  bool operator==(const Prelude&) const = default;
};

constexpr int64_t ChunkCount(int64_t weight_bytes) { return (weight_bytes + kChunkBytes - 1) / kChunkBytes; }

// Where the weights begin.
constexpr uint64_t HeaderBytes(const Prelude& prelude) {
  constexpr uint64_t kAlignment = 4096;
  const uint64_t used = sizeof(Prelude) + prelude.key_bytes + uint64_t(ChunkCount(int64_t(prelude.weight_bytes))) * sizeof(uint64_t);
  return (used + kAlignment - 1) / kAlignment * kAlignment;
}

// The whole header, checksums included.
std::string CacheHeader(Prelude prelude, const std::string& key, const std::vector<uint64_t>& checksums);

}  // namespace vitrine
