// Packed weights on disk: the next load of the same files reads ready panels. Before it: weight_store.cc, which says what they depend on;
// after it: weights.cc, which asks for them before it packs. Nothing in a file is followed: pointers come from the layout that weights.cc
// makes of the spec, so a file that is wrong in spite of its checksums gives wrong numbers at worst.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../platform/file.h"
#include "team.h"

namespace vitrine {

// What a load had of the cache. NativeModel.packedCache in lib/native.ts has the same names.
enum class CacheState : uint8_t {
  kOff,         // not asked for
  kHit,         // the weights came from it
  kMiss,        // there was no entry; one is being written
  kRebuilt,     // there was one that does not match or is damaged; another is being written
  kUnwritable,  // there was none to be used, and none can be written
  kShared,      // the process had the weights in memory already
};

struct CacheResult {
  CacheState state = CacheState::kOff;
  std::string note;  // kRebuilt, kUnwritable: why
};

struct CacheOptions {
  std::string folder;       // absolute; empty: no cache
  int64_t limit_bytes = 0;  // of all entries together
};

// A weight file that an entry was made of.
struct CacheSource {
  std::string path;  // RealPath
  FileIdentity identity;
};

// The entry of one load.
class PackedCache {
 public:
  PackedCache() = default;  // off
  // `key`: whatever the bytes depend on, besides the sources.
  PackedCache(CacheOptions options, const std::vector<CacheSource>& sources, const std::string& key);

  bool on() const { return !options_.folder.empty(); }

  // Reads `bytes` bytes, on every thread of the team, and checks each. False where the entry is not whole, or the load was cancelled:
  // memory may hold anything then. `done` counts bytes.
  bool Read(void* memory, int64_t bytes, Team& team, const std::atomic<bool>& cancelled, std::atomic<int64_t>& done);

  // Begins to write the entry; what can be known now about room and rights is in result(). `owner` keeps the memory, which does not change.
  void Write(std::shared_ptr<const void> owner, const void* memory, int64_t bytes);

  const CacheResult& result() const { return result_; }

 private:
  int ReadHeader(const File& file, int64_t bytes, std::vector<uint64_t>* checksums, std::string* wrong) const;
  void Unwritable(std::string why);

  CacheOptions options_;
  std::string key_;  // the sources first, as cache_folder.h reads them
  size_t sources_bytes_ = 0;
  std::string name_;       // of the file
  int64_t newest_ns_ = 0;  // when a source was last modified
  CacheResult result_;
};

}  // namespace vitrine
