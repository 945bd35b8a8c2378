// Scratch memory of one running image: everything is taken by bumping a pointer and given back at once by Reset. From the second image
// of a size on, nothing is allocated. One thread uses an arena at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../platform/memory.h"

namespace vitrine {

class Arena {
 public:
  // 64-byte aligned, not zeroed; null where the system has no memory, or bytes is absurd. Valid until Reset.
  void* Allocate(int64_t bytes);

  // count elements of T; null as above, and where count · sizeof(T) overflows.
  template <class T>
  T* Array(int64_t count) {
    if (count < 0 || count > INT64_MAX / int64_t(sizeof(T))) return nullptr;
    return static_cast<T*>(Allocate(count * int64_t(sizeof(T))));
  }

  // Everything is free again. Several blocks become one of their size; far more than was used last is given back.
  void Reset();
  // Gives the memory back.
  void Free();

 private:
  std::vector<Pages> blocks_;
  size_t used_ = 0;   // of the last block
  size_t total_ = 0;  // of all allocations since Reset
};

// Lays pieces one behind another into memory that somebody else owns, each 64-byte aligned; without memory it only counts.
class Pieces {
 public:
  explicit Pieces(void* memory) : memory_(reinterpret_cast<intptr_t>(memory)) {}
  void* Take(int64_t bytes) {
    const int64_t at = taken_;
    taken_ += (bytes + 63) / 64 * 64;
    return reinterpret_cast<void*>(memory_ + at);
  }
  int64_t taken() const { return taken_; }

 private:
  intptr_t memory_;
  int64_t taken_ = 0;
};

}  // namespace vitrine
