// One list of free blocks per power of two behind recycled.h.
#include "recycled.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>

#include "red_zone.h"

namespace vitrine {
namespace {

constexpr size_t kSmallest = 64, kLargest = 4096;
constexpr size_t kRefill = 16 << 10;  // bytes asked for at once: how many jobs are alive at a time varies from call to call
constexpr size_t kMostKept = 1 << 20;

// A free block begins with the way to the next one.
struct FreeBlock {
  FreeBlock* next;
};

std::atomic<int64_t> held{0};

class BlocksOfSize {
 public:
  void* Take(size_t size) {
    {
      std::lock_guard lock(mutex_);
      if (first_ != nullptr) return Pop();
    }
    // The first of these is the caller's; where there is no memory for the others, they are left out.
    void* taken = New(size);
    for (size_t bytes = size; bytes < kRefill; bytes += size) {
      try {
        Give(New(size), size);
      } catch (const std::bad_alloc&) { break; }
    }
    return taken;
  }

  void Give(void* block, size_t size) noexcept {
    {
      std::lock_guard lock(mutex_);
      if ((kept_ + 1) * size <= kMostKept) {
        first_ = new (block) FreeBlock{first_};
        kept_++;
        return;
      }
    }
    held.fetch_sub(int64_t(size), std::memory_order_relaxed);
    ::operator delete(block);
  }

 private:
  static void* New(size_t size) {
    void* block = ::operator new(size);
    held.fetch_add(int64_t(size), std::memory_order_relaxed);
    return block;
  }
  void* Pop() {
    FreeBlock* block = first_;
    first_ = block->next;
    kept_--;
    return block;
  }

  std::mutex mutex_;
  FreeBlock* first_ = nullptr;
  size_t kept_ = 0;
};

constexpr int kSizes = std::countr_zero(kLargest) - std::countr_zero(kSmallest) + 1;

// Never destroyed: threads may free while static destructors run.
BlocksOfSize& Blocks(size_t size) {
  static auto* lists = new BlocksOfSize[kSizes];
  return lists[std::countr_zero(size) - std::countr_zero(kSmallest)];
}

// AddressSanitizer must see every block come and go.
bool IsRecycled(size_t bytes) {
#if defined(VITRINE_ASAN)
  return false;
#else
  return bytes <= kLargest;
#endif
}

size_t Rounded(size_t bytes) { return std::bit_ceil(std::max(bytes, kSmallest)); }

}  // namespace

void* TakeRecycled(size_t bytes) {
  if (!IsRecycled(bytes)) return ::operator new(bytes);
  const size_t size = Rounded(bytes);
  return Blocks(size).Take(size);
}

void GiveRecycled(void* block, size_t bytes) noexcept {
  if (!IsRecycled(bytes)) return ::operator delete(block);
  const size_t size = Rounded(bytes);
  Blocks(size).Give(block, size);
}

int64_t RecycledBytes() { return held.load(); }

}  // namespace vitrine
