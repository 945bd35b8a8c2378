// The image job of a session, behind onnx_images.h.
#include "onnx_images.h"

#include "../engine/picture.h"
#include "../kernels/dispatch.h"
#include "../platform/cpu_limits.h"
#include "arguments.h"
#include "job.h"
#include "onnx_arguments.h"
#include "picture_counted.h"
#include "results.h"
#include "values.h"

namespace vitrine {
namespace {

// All sessions' crops share the pool: never destroyed.
const std::shared_ptr<Lane>& CropLane() {
  static const auto* lane = new std::shared_ptr<Lane>(std::make_shared<Lane>(kMostThreads));
  return *lane;
}

class OnnxJob final : public Job, public OrtImage {
 public:
  OnnxJob(Napi::Env env, std::shared_ptr<OrtUse> use, const ImageArgument& image, const Kernels& kernels)
      : Job(env, CropLane()), use_(std::move(use)), model_(use_->model), input_(image.input), kernels_(kernels) {
    height = input_.height, width = input_.width, planes = input_.planes;
    Pin(env, image.buffer);
    if (image.is_picture) counted_.Begin();
  }
  void NormaliseBy(const NormaliseTable& table) { normalise_ = std::make_unique<NormaliseTable>(table); }

  void Cancel() override {
    if (Scheduler::Get().Cancel(*this)) return Deliver(Status::Error("ERR_ABORTED", "the call was cancelled before it began"));
    if (model_->Leave(*this)) Deliver(Status::Error("ERR_ABORTED", "the call was cancelled"));
  }
  void Computed(Status status, double queue_ms, double run_ms) override {
    queue_ms_ = Job::queue_ms() + queue_ms;
    run_ms_ = crop_ms_ + run_ms;
    use_.reset();
    Deliver(std::move(status));
  }

 private:
  Progress Work(Worker& worker, Status* status) override {
    const auto begun = std::chrono::steady_clock::now();
    if (planes == nullptr) *status = Crop(worker);
    crop_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    if (!status->ok()) return Progress::kDone;
    const auto self = std::static_pointer_cast<OnnxJob>(shared_from_this());
    if (model_->Submit(self)) return Progress::kDeliveredLater;
    *status = Status::Error("ERR_ABORTED", "the call was cancelled");
    return Progress::kDone;
  }

  Status Crop(Worker& worker) {
    const int64_t pixels = int64_t(height) * width;
    crop_.reset(new (std::nothrow) uint8_t[size_t(pixels * 3)]);
    if (normalise_ != nullptr) values_.reset(new (std::nothrow) float[size_t(pixels * 3)]);
    if (crop_ == nullptr || (normalise_ != nullptr && values_ == nullptr))
      return Status::Error("ERR_OUT_OF_MEMORY", "no memory for a crop of " + std::to_string(pixels) + " pixels");
    if (Status cropped = CropPicture(kernels_, input_.picture, input_.geometry, worker.picture, worker.team, crop_.get(), pixels * 3);
        !cropped.ok())
      return cropped;
    bytes = crop_.get();
    if (normalise_ == nullptr) return Status::Ok();
    for (int c = 0; c < 3; c++) {
      const float* of = normalise_->of[c];
      for (int64_t i = 0; i < pixels; i++) values_[size_t(c * pixels + i)] = of[crop_[size_t(i * 3 + c)]];
    }
    planes = values_.get();
    return Status::Ok();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Object timings = Napi::Object::New(env);
    timings["queueMs"] = queue_ms_;
    timings["forwardMs"] = run_ms_;
    return timings;
  }
  void Released() override { counted_.End(); }

  std::shared_ptr<OrtUse> use_;  // until it is computed
  const std::shared_ptr<OrtModel> model_;
  const ImageInput input_;
  const Kernels& kernels_;
  std::unique_ptr<NormaliseTable> normalise_;  // of a picture for a graph of floats
  std::unique_ptr<uint8_t[]> crop_;
  std::unique_ptr<float[]> values_;
  PictureCounted counted_;
  double crop_ms_ = 0, queue_ms_ = 0, run_ms_ = 0;
};

}  // namespace

Napi::Value RunOnnxImage(const Napi::CallbackInfo& info, const std::shared_ptr<OrtUse>& use) {
  const Napi::Env env = info.Env();
  if (use == nullptr) throw ToError(env, Status::Error("ERR_MODEL_CLOSED", "the model was closed"));
  const IsaEntry* isa = nullptr;
  if (const Status status = ActiveIsa(&isa); !status.ok()) throw ToError(env, status);
  const Runner& runner = use->model->runner();
  const ImageArgument image = ReadImage(info[0]);
  const bool takes_bytes = runner.input().type == kOrtUint8;
  if (takes_bytes && !image.is_picture) {
    throw ToError(env, Status::Error("ERR_IMAGE_UNSUPPORTED",
                                     "the graph's input " + runner.input().name + " takes pictures (uint8), found pixel values"));
  }
  if (const Status status = runner.CheckSize(image.input.height, image.input.width); !status.ok()) throw ToError(env, status);
  const int64_t row = ReadInteger(info[3], "row", 0, int64_t{1} << 40);
  const Napi::Object options = Object(info[4], "options");
  std::vector<OrtResult> results = ReadOrtResults(info[1], info[2], row, runner);
  auto job = std::make_shared<OnnxJob>(env, use, image, *isa->kernels);
  // Pinned references must be let go where a later argument is refused.
  try {
    job->burst = int(ReadInteger(options.Get("burst"), "burst", 1, 1 << 20));
    if (image.is_picture && !takes_bytes) job->NormaliseBy(ReadNormalise(options.Get("normalise")));
    for (uint32_t i = 0; i < results.size(); i++) job->Pin(env, info[2].As<Napi::Array>().Get(i));
    job->results = std::move(results);
    return Job::Start(env, job);
  } catch (...) {
    job->Unpin(env);
    throw;
  }
}

}  // namespace vitrine
