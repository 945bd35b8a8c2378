// Memory for the kernel tests: what a kernel must not touch faults or is noticed. Used by addon.cc.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace vitrine::test {

// `count` elements that end at an inaccessible page, or `slack` elements before it; another such page lies before them. All of it is
// filled with 0xff bytes (NaN as floats), and what lies around the elements must still be so after the call.
template <class T>
class Guarded {
 public:
  Guarded(size_t count, size_t slack = 0, size_t alignment = sizeof(T)) : count_(count) {
    page_ = PageSize();
    inside_ = ((count + slack) * sizeof(T) + alignment + page_ - 1) / page_ * page_;
    base_ = Map(inside_ + 2 * page_);
    Protect(base_);
    Protect(base_ + page_ + inside_);
    std::memset(base_ + page_, 0xff, inside_);
    const size_t from_end = (count + slack) * sizeof(T);
    begin_ = (inside_ - from_end) / alignment * alignment;
  }
  Guarded(const T* source, size_t count, size_t slack = 0, size_t alignment = sizeof(T)) : Guarded(count, slack, alignment) {
    if (count > 0) std::memcpy(data(), source, count * sizeof(T));
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { Unmap(base_, inside_ + 2 * page_); }

  T* data() { return reinterpret_cast<T*>(base_ + page_ + begin_); }
  size_t size() const { return count_; }

  // Throws where a byte around the elements has been written.
  void Check(const char* what) const {
    for (size_t i = 0; i < inside_; i++) {
      if (i == begin_) i += count_ * sizeof(T);
      if (i < inside_ && base_[page_ + i] != 0xff) throw std::runtime_error(std::string(what) + " was written outside its elements");
    }
  }

 private:
#ifdef _WIN32
  static size_t PageSize() { return 4096; }
  static uint8_t* Map(size_t bytes) {
    return static_cast<uint8_t*>(VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
  }
  void Protect(uint8_t* page) {
    DWORD old;
    VirtualProtect(page, page_, PAGE_NOACCESS, &old);
  }
  static void Unmap(uint8_t* base, size_t) { VirtualFree(base, 0, MEM_RELEASE); }
#else
  static size_t PageSize() { return size_t(sysconf(_SC_PAGESIZE)); }
  static uint8_t* Map(size_t bytes) {
    void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) throw std::runtime_error("mmap failed");
    return static_cast<uint8_t*>(base);
  }
  void Protect(uint8_t* page) { mprotect(page, page_, PROT_NONE); }
  static void Unmap(uint8_t* base, size_t bytes) { munmap(base, bytes); }
#endif

  uint8_t* base_;
  size_t count_, page_, inside_, begin_;
};

}  // namespace vitrine::test
