// The job behind positions.h. Before it: lib/onnx/values.ts; after it: engine/positions.h.
#include "../engine/positions.h"

#include <algorithm>

#include "../platform/cpu_limits.h"
#include "arguments.h"
#include "job.h"
#include "positions.h"
#include "results.h"

namespace vitrine {
namespace {

constexpr int64_t kLargestGrid = 1 << 12, kLargestDim = 1 << 16;

struct Grid {
  int64_t height, width;
  int64_t patches() const { return height * width; }
};

class ResizeJob final : public Job {
 public:
  ResizeJob(Napi::Env env, std::shared_ptr<Lane> lane, const float* table, Grid stored, Grid wanted, int64_t dim, PositionResize resize,
            float* destination)
      : Job(env, std::move(lane)),
        positions_(table, stored.height, stored.width, dim, dim, resize),
        wanted_(wanted),
        dim_(dim),
        destination_(destination) {}

 private:
  Progress Work(Worker&, Status* status) override {
    const auto rows = positions_.Grid(wanted_.height, wanted_.width);
    if (rows == nullptr)
      *status = Status::Error("ERR_OUT_OF_MEMORY", "no memory for a position table");
    else
      std::copy_n(static_cast<const float*>(rows->data()), wanted_.patches() * dim_, destination_);
    return Progress::kDone;
  }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  Positions positions_;
  const Grid wanted_;
  const int64_t dim_;
  float* const destination_;
};

Grid ReadGrid(const Napi::Value& value) {
  if (!value.IsObject()) throw ToError(value.Env(), Status::Error("ERR_INTERNAL", "a grid: expected { height, width }"));
  const auto grid = value.As<Napi::Object>();
  return {ReadInteger(grid.Get("height"), "height", 1, kLargestGrid), ReadInteger(grid.Get("width"), "width", 1, kLargestGrid)};
}

}  // namespace

Napi::Value ResizePositions(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Grid stored = ReadGrid(info[1]), wanted = ReadGrid(info[2]);
  const int64_t dim = ReadInteger(info[3], "dim", 1, kLargestDim);
  if (!info[4].IsObject()) throw ToError(env, Status::Error("ERR_INTERNAL", "resize: expected { antialias, alignCorners }"));
  const auto rule = info[4].As<Napi::Object>();
  const PositionResize resize{rule.Get("antialias").ToBoolean(), rule.Get("alignCorners").ToBoolean()};
  const float* table = ReadFloatSink(info[0], 0, stored.patches() * dim);
  float* destination = ReadFloatSink(info[5], 0, wanted.patches() * dim);
  static const auto* lane = new std::shared_ptr<Lane>(std::make_shared<Lane>(kMostThreads));  // of all callers: never destroyed
  auto job = std::make_shared<ResizeJob>(env, *lane, table, stored, wanted, dim, resize, destination);
  try {
    job->Pin(env, info[0]);
    job->Pin(env, info[5]);
    return Job::Start(env, job);
  } catch (...) {
    job->Unpin(env);
    throw;
  }
}

}  // namespace vitrine
