// Red zones inside memory that we divide ourselves: AddressSanitizer sees only what malloc hands out, so arenas and packed weights tell it
// where their parts end. Without the sanitizer all of this is nothing.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VITRINE_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define VITRINE_ASAN 1
#endif

#if defined(VITRINE_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace vitrine {

#if defined(VITRINE_ASAN)
constexpr size_t kRedZone = 64;  // bytes after each part
inline void Forbid(const void* memory, size_t bytes) { __asan_poison_memory_region(memory, bytes); }
inline void Allow(const void* memory, size_t bytes) { __asan_unpoison_memory_region(memory, bytes); }
#else
constexpr size_t kRedZone = 0;
inline void Forbid(const void*, size_t) {}
inline void Allow(const void*, size_t) {}
#endif

}  // namespace vitrine
