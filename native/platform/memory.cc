// mmap with huge pages behind memory.h.
#include "memory.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "red_zone.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace vitrine {

namespace {
std::atomic<int64_t> mapped_bytes{0};
}

int64_t PagesBytes() { return mapped_bytes.load(); }

void TrimHeap() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

#if defined(_WIN32)

bool Pages::Allocate(size_t bytes) {
  Free();
  if (bytes == 0) return true;
  data_ = _aligned_malloc(bytes, 64);
  if (data_ == nullptr) return false;
  std::memset(data_, 0, bytes);
  size_ = bytes;
  mapped_bytes += int64_t(size_);
  return true;
}

void Pages::Free() {
  Allow(data_, size_);
  _aligned_free(data_);
  mapped_bytes -= int64_t(size_);
  data_ = nullptr, size_ = 0;
}

#else

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

bool Pages::Allocate(size_t bytes) {
  Free();
  if (bytes == 0) return true;
  const bool huge = bytes >= kHugePage;
  if (bytes > SIZE_MAX / 2) return false;
  // A huge page is aligned to its size: map one more and give back both ends.
  const size_t mapped = bytes + (huge ? kHugePage : 0);
  void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return false;
  if (huge) {
    const auto address = reinterpret_cast<uintptr_t>(start);
    const uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
    const size_t before = aligned - address, page = size_t(sysconf(_SC_PAGESIZE)), size = (bytes + page - 1) / page * page;
    if (before > 0) munmap(start, before);
    if (mapped - before > size) munmap(reinterpret_cast<void*>(aligned + size), mapped - before - size);
    start = reinterpret_cast<void*>(aligned);
#if defined(MADV_HUGEPAGE)
    madvise(start, size, MADV_HUGEPAGE);  // a wish: where it is refused, small pages do
#endif
    bytes = size;
  }
  data_ = start;
  size_ = bytes;
  mapped_bytes += int64_t(size_);
  return true;
}

void Pages::Free() {
  Allow(data_, size_);  // for whoever gets these addresses next
  if (data_ != nullptr) munmap(data_, size_);
  mapped_bytes -= int64_t(size_);
  data_ = nullptr, size_ = 0;
}

#endif

}  // namespace vitrine
