// Memory in whole pages straight from the operating system, for weights and activations: given back at once when freed, and in huge
// pages where there are such (fewer faults while loading, fewer TLB misses while computing).
#pragma once

#include <cstddef>
#include <cstdint>

namespace vitrine {

// Gives what other libraries have freed back to the system, where the C library keeps it for itself otherwise.
void TrimHeap();

// Bytes of all Pages that exist.
int64_t PagesBytes();

// One mapping, zeroed, 64-byte aligned at least. Moves, does not copy.
class Pages {
 public:
  Pages() = default;
  Pages(Pages&& other) noexcept : data_(other.data_), size_(other.size_) { other.data_ = nullptr, other.size_ = 0; }
  Pages& operator=(Pages&& other) noexcept;
  ~Pages() { Free(); }

  // False where the system has no memory; what was held before is freed either way.
  [[nodiscard]] bool Allocate(size_t bytes);
  void Free();

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vitrine
