// Small memory that comes and goes with every image: a job, its lists, sets of rows. What is freed is kept, up to a bound, and handed out
// again, so that a process in its stride asks the C library for nothing. Any thread; a block may be freed by another one than took it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitrine {

// As operator new and delete, with the size that was asked for given back. Throws std::bad_alloc.
void* TakeRecycled(size_t bytes);
void GiveRecycled(void* block, size_t bytes) noexcept;

// Bytes that TakeRecycled holds of the C library, in use or kept.
int64_t RecycledBytes();

// For std::allocate_shared and containers.
template <class T>
struct Recycled {
  using value_type = T;
  Recycled() = default;
  template <class Other>
  Recycled(const Recycled<Other>&) {}  // NOLINT: allocators convert
  T* allocate(size_t count) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(TakeRecycled(count * sizeof(T)));
  }
  void deallocate(T* block, size_t count) noexcept { GiveRecycled(block, count * sizeof(T)); }
  bool operator==(const Recycled&) const = default;
};

template <class T>
using RecycledVector = std::vector<T, Recycled<T>>;

}  // namespace vitrine
