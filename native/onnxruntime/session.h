// One session of the process: its own thread, which gathers images of one size into batches and runs them. Before it:
// binding/onnx_images.cc, whose jobs are the images; after it: runner.h. Who shares a session, session_store.h knows.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../engine/status.h"
#include "results.h"
#include "runner.h"
#include "source.h"

namespace vitrine {

// One image on its way through a session.
class OrtImage {
 public:
  virtual ~OrtImage() = default;
  // On the session's thread, exactly once unless Leave said that the image has left. The pixels and the sinks are not touched afterwards.
  virtual void Computed(Status status, double queue_ms, double run_ms) = 0;

  int32_t height = 0, width = 0;
  // Bytes [H, W, 3] for a uint8 graph, else values [3, H, W].
  const uint8_t* bytes = nullptr;
  const float* planes = nullptr;
  int burst = 1;  // images that were about to come with this one
  std::vector<OrtResult> results;

 private:
  friend class OrtModel;
  // Under the session's mutex. kCopying: the thread reads the pixels; kWriting: it writes the sinks.
  enum class State : uint8_t { kNew, kQueued, kCopying, kRunning, kWriting, kSettled } state_ = State::kNew;
  bool left_ = false;
  bool finite_ = true;
  std::chrono::steady_clock::time_point queued_{};
};

// One load() of a session.
class OrtRequest {
 public:
  virtual ~OrtRequest() = default;
  // Exactly once unless the request left before, on any thread.
  virtual void Opened(Status status, std::shared_ptr<class OrtUse> use) = 0;

 private:
  friend class OrtStore;
  std::shared_ptr<class OrtModel> model_;  // what it waits for; under the store's mutex
  bool settled_ = false;
};

class OrtModel : public std::enable_shared_from_this<OrtModel> {
 public:
  explicit OrtModel(OrtSource source) : source_(std::move(source)) {}

  // What does not change once the session is open.
  const Runner& runner() const { return runner_; }
  const std::string& key() const { return source_.key; }

  // False where the image has been told to leave already: Computed will not be called.
  [[nodiscard]] bool Submit(std::shared_ptr<OrtImage> image);
  // The image is no longer wanted. True: it has left now, and nothing touches its memory any more. False: it was settled or will be soon.
  bool Leave(OrtImage& image);

  // Starts the thread: it opens the session, tells the store, serves until Close and then releases the session. False: no thread.
  [[nodiscard]] bool Start(std::shared_ptr<OrtModel> self);
  // Nobody will submit any more. The thread ends after what is queued.
  void Close();
  // A load that nobody waits for any more ends soon.
  void Abandon();

 private:
  using Clock = std::chrono::steady_clock;
  void Main();
  void Serve();
  std::vector<std::shared_ptr<OrtImage>> Gather(std::unique_lock<std::mutex>& lock);
  size_t CountLike(const OrtImage& image) const;
  void RunBatch(std::vector<std::shared_ptr<OrtImage>> batch);
  void Fill(OrtImage& image, int64_t index);
  void DropLeft(std::vector<std::shared_ptr<OrtImage>>& batch, OrtImage::State next);

  OrtSource source_;
  Runner runner_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<OrtImage>> queue_;
  std::vector<OrtImage*> running_;  // images of the run that goes on and have not left
  bool closing_ = false;
  std::vector<float> scratch_;
};

// Whoever holds this keeps a session open: handles of all environments and images on their way.
class OrtUse {
 public:
  explicit OrtUse(std::shared_ptr<OrtModel> model) : model(std::move(model)) {}
  ~OrtUse() { model->Close(); }
  OrtUse(const OrtUse&) = delete;
  OrtUse& operator=(const OrtUse&) = delete;

  const std::shared_ptr<OrtModel> model;
};

}  // namespace vitrine
