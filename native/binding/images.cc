// The two kinds of image jobs, behind images.h.
#include "images.h"

#include <utility>

#include "../engine/encoder.h"
#include "../engine/picture.h"
#include "../engine/pool.h"
#include "../kernels/dispatch.h"
#include "../platform/cpu_limits.h"
#include "arguments.h"
#include "job.h"
#include "picture_counted.h"
#include "results.h"

namespace vitrine {
namespace {

class ImageJob : public Job {
 public:
  ImageJob(Napi::Env env, std::shared_ptr<Lane> lane, const ImageArgument& image) : Job(env, std::move(lane)), input_(image.input) {
    Pin(env, image.buffer);
    if (image.is_picture) counted_.Begin();
  }

 protected:
  Napi::Value Result(Napi::Env env) final {
    Napi::Object timings = Napi::Object::New(env);
    timings["queueMs"] = queue_ms();
    timings["forwardMs"] = work_ms();
    return timings;
  }
  void Released() final { counted_.End(); }

  const ImageInput input_;

 private:
  PictureCounted counted_;
};

class EncodeJob final : public ImageJob {
 public:
  EncodeJob(Napi::Env env, const OpenModel& model, const ImageArgument& image, MergeSchedule merging, RecycledVector<Output> outputs)
      : ImageJob(env, model.lane, image), weights_(model.weights), merging_(std::move(merging)), outputs_(std::move(outputs)) {}

  const MergeSchedule& merging() const { return merging_; }
  const RecycledVector<Output>& outputs() const { return outputs_; }
  void AddDestination(Napi::Env env, Napi::Value sink, float* destination) {
    Pin(env, sink);
    destinations_.push_back(destination);
  }

 private:
  Progress Work(Worker& worker, Status* status) override {
    *status = Encode(*weights_, input_, merging_, outputs_, destinations_, cancelled_flag(), worker);
    weights_.reset();
    return Progress::kDone;
  }

  std::shared_ptr<const Weights> weights_;
  const MergeSchedule merging_;
  const RecycledVector<Output> outputs_;
  RecycledVector<float*> destinations_;
};

class CropJob final : public ImageJob {
 public:
  CropJob(Napi::Env env, std::shared_ptr<Lane> lane, const ImageArgument& image, const Kernels& kernels, Napi::Value sink,
          uint8_t* destination)
      : ImageJob(env, std::move(lane), image), kernels_(kernels), destination_(destination) {
    Pin(env, sink);
  }

 private:
  Progress Work(Worker& worker, Status* status) override {
    const int64_t bytes = int64_t(input_.width) * input_.height * 3;
    *status = CropPicture(kernels_, input_.picture, input_.geometry, worker.picture, worker.team, destination_, bytes);
    return Progress::kDone;
  }

  const Kernels& kernels_;
  uint8_t* const destination_;
};

}  // namespace

Napi::Value RunImage(const Napi::CallbackInfo& info, const OpenModel& model) {
  const Napi::Env env = info.Env();
  if (model.weights == nullptr) throw ToError(env, Status::Error("ERR_MODEL_CLOSED", "the model was closed"));
  const ImageArgument image = ReadImage(info[0]);
  RecycledVector<Output> outputs = ReadOutputs(info[1]);
  const int64_t row = ReadInteger(info[3], "row", 0, int64_t{1} << 40);
  MergeSchedule merging = ReadMerging(info[4]);
  int64_t tokens = 0;
  if (const Status status = CountTokens(*model.weights, image.input.height, image.input.width, &tokens); !status.ok())
    throw ToError(env, status);
  if (!info[2].IsArray() || info[2].As<Napi::Array>().Length() != outputs.size()) {
    throw ToError(env, Status::Error("ERR_INTERNAL", "argument sinks: expected one per output"));
  }
  auto job = std::allocate_shared<EncodeJob>(Recycled<EncodeJob>(), env, model, image, std::move(merging), std::move(outputs));
  // Pinned references must be let go where a later sink is refused.
  try {
    for (uint32_t i = 0; i < job->outputs().size(); i++) {
      int64_t length = 0;
      if (const Status status = ResultLength(*model.weights, tokens, job->merging(), job->outputs()[i], &length); !status.ok())
        throw ToError(env, status);
      const Napi::Value sink = info[2].As<Napi::Array>().Get(i);
      job->AddDestination(env, sink, ReadFloatSink(sink, row, length));
    }
    return Job::Start(env, job);
  } catch (...) {
    job->Unpin(env);
    throw;
  }
}

Napi::Value Crop(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const IsaEntry* isa = nullptr;
  if (const Status status = ActiveIsa(&isa); !status.ok()) throw ToError(env, status);
  const ImageArgument image = ReadImage(info[0]);
  if (!image.is_picture) throw ToError(env, Status::Error("ERR_IMAGE_UNSUPPORTED", "crop: expected a picture, found pixel values"));
  const int64_t row = ReadInteger(info[2], "row", 0, int64_t{1} << 40), length = int64_t(image.input.width) * image.input.height * 3;
  uint8_t* destination = ReadByteSink(info[1], row, length);
  static const auto* lane = new std::shared_ptr<Lane>(std::make_shared<Lane>(kMostThreads));  // crops of all models: never destroyed
  auto job = std::allocate_shared<CropJob>(Recycled<CropJob>(), env, *lane, image, *isa->kernels, info[1], destination);
  try {
    return Job::Start(env, job);
  } catch (...) {
    job->Unpin(env);
    throw;
  }
}

void Detach(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) throw ToError(info.Env(), Status::Error("ERR_INTERNAL", "detach: expected a typed array"));
  // Where it may not be detached, or is already, it goes with the garbage.
  static_cast<void>(napi_detach_arraybuffer(info.Env(), info[0].As<Napi::TypedArray>().ArrayBuffer()));
}

}  // namespace vitrine
