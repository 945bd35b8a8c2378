// How several threads share one image. A stage of the encoder is a phase: work cut into chunks, which the owner of the task and idle
// threads (helpers) claim. How a phase is cut never changes a result. Before it: scheduler.h, which brings helpers; after it:
// stages.h, whose functions are phases.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "../platform/memory.h"

namespace vitrine {

// Memory of one thread for the time of one chunk; what it holds is lost with the next Ensure.
class Scratch {
 public:
  // 64-byte aligned; false where there is no memory.
  [[nodiscard]] bool Ensure(int64_t bytes) { return size_t(bytes) <= pages_.size() || pages_.Allocate(size_t(bytes)); }
  void* data() const { return pages_.data(); }
  void Free() { pages_.Free(); }

 private:
  Pages pages_;
};

// The phases of one owner thread. It outlives every task, so that a late helper always finds it.
class Team {
 public:
  // Owner: runs chunk(index, scratch) for every index < count, each exactly once, on this thread and on helpers, and returns when all are
  // done. `scratch` holds scratch_bytes of the thread that runs the chunk. False, with nothing run, where there is no memory for it.
  template <class Chunk>
  [[nodiscard]] bool ForEach(int64_t count, int64_t scratch_bytes, const Chunk& chunk) {
    return RunPhases(
        count, scratch_bytes, [](const void* f, int64_t i, void* s) { (*static_cast<const Chunk*>(f))(i, s); }, &chunk);
  }
  template <class Chunk>
  void ForEach(int64_t count, const Chunk& chunk) {
    static_cast<void>(ForEach(count, 0, [&chunk](int64_t i, void*) { chunk(i); }));
  }
  // How many threads may work on the task at once, at least 1: a hint for the number of chunks, which changes while the task runs.
  int width() const { return width_.load(std::memory_order_relaxed); }

  // Scheduler, under its mutex: a task begins, a task is over. `serial` tells a helper whether the task that it joined still runs.
  void Begin() { serial_.fetch_add(1); }
  void SetWidth(int width) { width_.store(width, std::memory_order_relaxed); }
  void End() { serial_.fetch_add(1); }
  uint64_t serial() const { return serial_.load(); }
  bool HasOpenChunks() const;
  // Called by the owner when a phase of several chunks has opened, for sleeping threads to be woken.
  using PhaseOpened = void (*)(void* context, int32_t chunks);
  void OnPhase(PhaseOpened opened, void* context) { opened_ = opened, opened_context_ = context; }

  // Helper of the task `serial`: claims chunks once, where some are left, and runs them.
  enum class Help : uint8_t { kWorked, kNothingNow, kTaskOver };
  Help HelpOnce(uint64_t serial, Scratch& scratch);

  // Of this team's thread, for the chunks that it runs as an owner and, between its own tasks, as a helper of others.
  Scratch& scratch() { return scratch_; }

 private:
  using ChunkFn = void (*)(const void* context, int64_t index, void* scratch);
  [[nodiscard]] bool RunPhases(int64_t count, int64_t scratch_bytes, ChunkFn chunk, const void* context);
  uint32_t RunPhase(int32_t count, ChunkFn chunk, const void* context, int64_t base);
  void AwaitHelpers(uint32_t expected);

  // The one word that chunks are claimed from: epoch (32 bits), next chunk (16), chunk count (16). The epoch goes up with every phase, so
  // a claim that succeeds belongs to the phase whose fields were read before it.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<uint64_t> serial_{0};
  std::atomic<ChunkFn> chunk_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<int64_t> base_{0}, scratch_bytes_{0};
  std::atomic<int> width_{1};
  alignas(64) std::atomic<uint32_t> done_by_helpers_{0};
  std::atomic<bool> owner_sleeps_{false};
  std::mutex mutex_;
  std::condition_variable helper_done_;

  uint32_t epoch_ = 0;
  Scratch scratch_;
  PhaseOpened opened_ = nullptr;
  void* opened_context_ = nullptr;
};

}  // namespace vitrine
