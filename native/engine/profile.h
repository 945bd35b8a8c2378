// Where the time of the encoder goes: thread time and arithmetic per stage, counted while somebody asks for it (`vitrine bench
// --profile`), else one relaxed load per kernel call. Before it: encoder.h; after it: stages.h, whose chunks are timed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vitrine {

// In the order in which a token meets them. kQuantize: rows to bytes where no norm writes these.
enum class Stage : uint8_t { kPicture, kPatches, kNorm, kQkv, kKeys, kAttention, kProjection, kFc1, kFc2, kQuantize, kOutput };
inline constexpr const char* kStageNames[] = {"picture",    "patches", "norm", "qkv",      "keys",  "attention",
                                              "projection", "fc1",     "fc2",  "quantize", "output"};
inline constexpr int kStages = int(Stage::kOutput) + 1;

struct StageProfile {
  std::atomic<int64_t> nanoseconds{0};  // of all threads together
  std::atomic<int64_t> operations{0};   // multiplications and additions of products
};

// Plain atomics, as counters.h: nothing to construct or destroy.
struct Profile {
  std::atomic<bool> on{false};
  StageProfile stages[kStages];
};
inline Profile profile;

// One kernel call of a stage, for as long as it lives.
class Timed {
 public:
  explicit Timed(Stage stage, int64_t operations = 0) {
    if (!profile.on.load(std::memory_order_relaxed)) return;
    stage_ = &profile.stages[int(stage)];
    stage_->operations.fetch_add(operations, std::memory_order_relaxed);
    begun_ = std::chrono::steady_clock::now();
  }
  ~Timed() {
    if (stage_ == nullptr) return;
    const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begun_);
    stage_->nanoseconds.fetch_add(spent.count(), std::memory_order_relaxed);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  StageProfile* stage_ = nullptr;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace vitrine
