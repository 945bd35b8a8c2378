// The session's thread, behind session.h.
#include "session.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>

#include "../engine/counters.h"
#include "../engine/halves.h"
#include "../platform/memory.h"
#include "initializers.h"
#include "session_store.h"

namespace vitrine {
namespace {

constexpr auto kBurstWait = std::chrono::milliseconds(5);

double Milliseconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

}  // namespace

bool OrtModel::Submit(std::shared_ptr<OrtImage> image) {
  std::lock_guard lock(mutex_);
  if (image->left_) return false;
  image->state_ = OrtImage::State::kQueued;
  image->queued_ = Clock::now();
  queue_.push_back(std::move(image));
  changed_.notify_one();
  return true;
}

bool OrtModel::Leave(OrtImage& image) {
  std::shared_ptr<OrtImage> dropped;  // goes after the lock
  std::lock_guard lock(mutex_);
  image.left_ = true;
  switch (image.state_) {
    case OrtImage::State::kQueued: {
      const auto at = std::find_if(queue_.begin(), queue_.end(), [&image](const auto& one) { return one.get() == &image; });
      dropped = std::move(*at);
      queue_.erase(at);
      break;
    }
    case OrtImage::State::kRunning:
      std::erase(running_, &image);
      if (running_.empty()) runner_.Stop();  // nobody waits for this run
      break;
    case OrtImage::State::kNew:
    case OrtImage::State::kCopying:
    case OrtImage::State::kWriting:
    case OrtImage::State::kSettled:
      return false;
  }
  image.state_ = OrtImage::State::kSettled;
  return true;
}

bool OrtModel::Start(std::shared_ptr<OrtModel> self) {
  try {
    std::thread([self = std::move(self)] { self->Main(); }).detach();
    return true;
  } catch (const std::system_error&) { return false; }
}

void OrtModel::Close() {
  std::lock_guard lock(mutex_);
  closing_ = true;
  changed_.notify_one();
}

void OrtModel::Abandon() { runner_.Stop(); }

void OrtModel::Main() {
  counters.onnx_sessions++;
  Status status;
  try {
    const OrtLibrary* library = nullptr;
    status = OpenOrtLibrary(source_.library, &library);
    if (status.ok()) status = runner_.Open(*library, source_);
  } catch (const std::exception& error) { status = Status::Error("ERR_OUT_OF_MEMORY", std::string("loading: ") + error.what()); }
  source_.model = {};
  source_.weights = {};
  if (status.ok()) {
    runner_.Resume();  // a load that was abandoned when it was over already
    if (OrtStore::Get().Opened(shared_from_this(), Status::Ok())) Serve();
    runner_.Close();
  } else {
    runner_.Close();
    OrtStore::Get().Opened(shared_from_this(), std::move(status));
  }
  TrimHeap();  // packed weights are pieces of some megabytes, which glibc keeps (measured: all of them)
  counters.onnx_sessions--;
}

void OrtModel::Serve() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::vector<std::shared_ptr<OrtImage>> batch = Gather(lock);
    lock.unlock();
    if (!batch.empty()) RunBatch(std::move(batch));
  }
}

size_t OrtModel::CountLike(const OrtImage& image) const {
  return size_t(std::count_if(queue_.begin(), queue_.end(),
                              [&image](const auto& one) { return one->height == image.height && one->width == image.width; }));
}

// The image that has waited longest, and others of its size behind it. Those that its burst promised are waited for, but not long.
std::vector<std::shared_ptr<OrtImage>> OrtModel::Gather(std::unique_lock<std::mutex>& lock) {
  const size_t most = size_t(runner_.batch());
  while (!queue_.empty() && !closing_) {
    const std::shared_ptr<OrtImage> first = queue_.front();
    const size_t wanted = std::min(most, size_t(std::max(first->burst, 1)));
    const Clock::time_point end = first->queued_ + kBurstWait;
    if (CountLike(*first) >= wanted || Clock::now() >= end) break;
    changed_.wait_until(lock, end);
  }
  std::vector<std::shared_ptr<OrtImage>> batch;
  for (auto at = queue_.begin(); at != queue_.end() && batch.size() < most;) {
    if (batch.empty() || ((*at)->height == batch[0]->height && (*at)->width == batch[0]->width)) {
      (*at)->state_ = OrtImage::State::kCopying;
      batch.push_back(std::move(*at));
      at = queue_.erase(at);
    } else {
      ++at;
    }
  }
  return batch;
}

// One image's pixels → its place in the batch, in the graph's type.
void OrtModel::Fill(OrtImage& image, int64_t index) {
  uint8_t* out = runner_.Image(index);
  const int64_t values = int64_t(image.height) * image.width * 3;
  if (runner_.input().type == kOrtUint8) {
    std::memcpy(out, image.bytes, size_t(values));
    return;
  }
  image.finite_ = AllFinite(image.planes, values);
  if (runner_.input().type == kOrtFloat) {
    std::memcpy(out, image.planes, size_t(values) * sizeof(float));
  } else {
    (runner_.input().type == kOrtFloat16 ? NarrowF16 : NarrowBF16)(image.planes, reinterpret_cast<uint16_t*>(out), values);
  }
}

// Those that left meanwhile are told so; the others go on to the next state. Their places in the batch stay.
void OrtModel::DropLeft(std::vector<std::shared_ptr<OrtImage>>& batch, OrtImage::State next) {
  // Gone after the lock: an image may be the last that keeps the session open.
  std::vector<std::shared_ptr<OrtImage>> left, gone;
  {
    std::lock_guard lock(mutex_);
    running_.clear();
    for (auto& image : batch) {
      if (image == nullptr) continue;
      if (image->state_ == OrtImage::State::kSettled) {
        gone.push_back(std::move(image));
      } else if (image->left_) {
        image->state_ = OrtImage::State::kSettled;
        left.push_back(std::move(image));
      } else {
        image->state_ = next;
        if (next == OrtImage::State::kRunning) running_.push_back(image.get());
      }
    }
    if (next == OrtImage::State::kRunning) runner_.Resume();
  }
  for (const auto& image : left) image->Computed(Status::Error("ERR_ABORTED", "the call was cancelled"), 0, 0);
}

void OrtModel::RunBatch(std::vector<std::shared_ptr<OrtImage>> batch) {
  const Clock::time_point begun = Clock::now();
  const auto any_left = [&batch] { return std::any_of(batch.begin(), batch.end(), [](const auto& image) { return image != nullptr; }); };
  Status status;
  try {
    std::vector<size_t> ports;
    for (const auto& image : batch) {
      for (const OrtResult& result : image->results) ports.push_back(result.port);
    }
    std::sort(ports.begin(), ports.end());
    ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
    status = runner_.Prepare(batch[0]->height, batch[0]->width, int64_t(batch.size()), ports);
    for (size_t i = 0; status.ok() && i < batch.size(); i++) Fill(*batch[i], int64_t(i));
    DropLeft(batch, OrtImage::State::kRunning);
    if (!any_left()) return;
    if (status.ok()) {
      counters.onnx_runs++, counters.onnx_images += int64_t(batch.size()), counters.onnx_running++;
      status = runner_.Run();
      counters.onnx_running--;
    }
  } catch (const std::exception& error) { status = Status::Error("ERR_OUT_OF_MEMORY", std::string("a batch: ") + error.what()); }
  DropLeft(batch, OrtImage::State::kWriting);
  const double run_ms = Milliseconds(Clock::now() - begun);
  for (size_t i = 0; i < batch.size(); i++) {
    if (batch[i] == nullptr) continue;
    OrtImage& image = *batch[i];
    Status own = status;
    try {
      for (size_t r = 0; own.ok() && r < image.results.size(); r++) {
        const OrtResult& result = image.results[r];
        OrtOutput output{};
        own = runner_.Output(result.port, &output);
        if (own.ok()) own = WriteResult(output, runner_.outputs()[result.port].name, int64_t(i), result, image.finite_, scratch_);
      }
    } catch (const std::exception& error) { own = Status::Error("ERR_OUT_OF_MEMORY", std::string("a result: ") + error.what()); }
    {
      std::lock_guard lock(mutex_);
      image.state_ = OrtImage::State::kSettled;
    }
    image.Computed(std::move(own), Milliseconds(begun - image.queued_), run_ms);
  }
}

}  // namespace vitrine
