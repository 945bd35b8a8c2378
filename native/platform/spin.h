// Short busy-waiting: cheaper than a sleep where the other thread is about to finish, never longer than kSpinNanoseconds.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace vitrine {

constexpr int64_t kSpinNanoseconds = 50'000;

inline void RelaxCpu() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Polls `ready` until it is true or the time is up; whether it became true.
template <class Ready>
bool Spin(const Ready& ready) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end{};
  for (int round = 0;; round++) {
    if (ready()) return true;
    RelaxCpu();
    if (round % 32 != 31) continue;
    const Clock::time_point now = Clock::now();
    if (round == 31) end = now + std::chrono::nanoseconds(kSpinNanoseconds);
    if (now >= end) return false;
  }
}

}  // namespace vitrine
