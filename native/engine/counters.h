// Live counts of this process, for tests and diagnostics: what NativeCounters in lib/native.ts shows.
#pragma once

#include <atomic>
#include <cstdint>

namespace vitrine {

// Plain atomics: nothing to construct or destroy, so any thread may count at any time.
struct Counters {
  std::atomic<int64_t> pictures{0}, pictures_peak{0};  // decoded pictures pinned by jobs that wait or run
  std::atomic<int64_t> blocks_running{0}, blocks_begun{0};
  std::atomic<int64_t> models{0}, weight_bytes{0};
  std::atomic<int64_t> environments{0}, pool_threads{0};
  std::atomic<int64_t> cache_writing{0}, cache_written{0}, cache_failed{0};  // entries of the packed cache: now, and ever
  std::atomic<int64_t> onnx_sessions{0}, onnx_runs{0}, onnx_images{0}, onnx_running{0};
};
inline Counters counters;

}  // namespace vitrine
