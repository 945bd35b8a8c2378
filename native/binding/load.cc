// The load job and the model that it resolves to, behind load.h.
#include "load.h"

#include "../engine/counters.h"
#include "../engine/weight_store.h"
#include "../kernels/dispatch.h"
#include "../platform/cpu_limits.h"
#include "arguments.h"
#include "images.h"
#include "job.h"
#include "results.h"

namespace vitrine {
namespace {

// The native half of a NativeModel: open until closed or collected.
class ModelHandle {
 public:
  explicit ModelHandle(OpenModel model) : model_(std::move(model)) { counters.models++; }
  ~ModelHandle() { Close(); }
  void Close() {
    if (model_.weights != nullptr) counters.models--;
    model_ = {};
  }
  const OpenModel& model() const { return model_; }

 private:
  OpenModel model_;
};

const char* CacheName(CacheState state) {
  switch (state) {
    case CacheState::kHit:
      return "hit";
    case CacheState::kMiss:
      return "miss";
    case CacheState::kRebuilt:
      return "rebuilt";
    case CacheState::kUnwritable:
      return "unwritable";
    case CacheState::kShared:
      return "shared";
    case CacheState::kOff:
      break;
  }
  return "off";
}

class LoadJob final : public Job, public LoadRequest {
 public:
  LoadJob(Napi::Env env, std::shared_ptr<Lane> lane, EncoderSpec spec, Precision precision, CacheOptions cache, const IsaEntry& isa)
      : Job(env, lane),
        lane_(std::move(lane)),
        spec_(std::move(spec)),
        precision_(precision),
        cache_options_(std::move(cache)),
        isa_(isa) {}

  void Cancel() override {
    Scheduler::Get().Cancel(*this);  // in the queue or not: whether the load is still to be answered, the store knows
    if (WeightStore::Get().Leave(*this)) Deliver(Status::Error("ERR_ABORTED", "the load was cancelled"));
  }

  void Loaded(Status status, std::shared_ptr<const Weights> weights, const CacheResult& cache) override {
    weights_ = std::move(weights);
    cache_ = cache;
    Deliver(std::move(status));
  }

 private:
  Progress Work(Worker& worker, Status* status) override {
    try {
      WeightStore::Get().Load(std::static_pointer_cast<LoadJob>(shared_from_this()), spec_, isa_.name, *isa_.kernels, precision_,
                              cache_options_, worker);
      return Progress::kDeliveredLater;
    } catch (const std::exception& error) {
      *status = Status::Error("ERR_OUT_OF_MEMORY", std::string("loading: ") + error.what());
      return WeightStore::Get().Leave(*this) ? Progress::kDone : Progress::kDeliveredLater;
    }
  }

  Napi::Value Result(Napi::Env env) override {
    auto handle = std::make_shared<ModelHandle>(OpenModel{std::move(weights_), lane_});
    Napi::Object model = Napi::Object::New(env);
    model["isa"] = isa_.name;
    model["threads"] = Scheduler::Width(lane_->cap());
    model["weightBytes"] = double(handle->model().weights->memory.size());
    model["packedCache"] = CacheName(cache_.state);
    if (!cache_.note.empty()) model["packedCacheNote"] = cache_.note;
    model["run"] = Napi::Function::New(
        env, [handle](const Napi::CallbackInfo& info) { return RunImage(info, handle->model()); }, "run");
    model["close"] = Napi::Function::New(
        env, [handle](const Napi::CallbackInfo&) { handle->Close(); }, "close");
    return model;
  }

  const std::shared_ptr<Lane> lane_;
  const EncoderSpec spec_;
  const Precision precision_;
  const CacheOptions cache_options_;
  const IsaEntry& isa_;
  std::shared_ptr<const Weights> weights_;
  CacheResult cache_;
};

// { folder, limitBytes }, or nothing: no cache
CacheOptions ReadCacheOptions(Napi::Value options) {
  const Napi::Value value = options.IsObject() ? options.As<Napi::Object>().Get("packedCache") : options.Env().Undefined();
  if (value.IsUndefined()) return {};
  const Napi::Value folder = value.IsObject() ? value.As<Napi::Object>().Get("folder") : options.Env().Undefined();
  if (!folder.IsString() || folder.As<Napi::String>().Utf8Value().rfind('/', 0) != 0)
    throw ToError(options.Env(), Status::Error("ERR_INTERNAL", "argument packedCache: expected the absolute path of a folder"));
  return {.folder = folder.As<Napi::String>().Utf8Value(),
          .limit_bytes = ReadInteger(value.As<Napi::Object>().Get("limitBytes"), "packedCache.limitBytes", 0, int64_t{1} << 50)};
}

Precision ReadPrecision(Napi::Value options) {
  const Napi::Value value = options.IsObject() ? options.As<Napi::Object>().Get("dtype") : options.Env().Undefined();
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : value.IsUndefined() ? "fp32" : "";
  if (name == "fp32") return Precision::kFp32;
  if (name == "bf16") return Precision::kBf16;
  if (name == "int8") return Precision::kInt8;
  throw ToError(options.Env(), Status::Error("ERR_INTERNAL", "argument dtype: expected 'fp32', 'bf16' or 'int8'"));
}

}  // namespace

Napi::Value LoadModel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const IsaEntry* isa = nullptr;
  if (const Status status = ActiveIsa(&isa); !status.ok()) throw ToError(env, status);
  EncoderSpec spec = ReadSpec(info[0]);
  const Napi::Value threads = info[1].IsObject() ? info[1].As<Napi::Object>().Get("threads") : env.Undefined();
  const auto cap = threads.IsUndefined() ? int64_t{DefaultThreads()} : ReadInteger(threads, "threads", 1, kMostThreads);
  const Precision precision = ReadPrecision(info[1]);
  auto job = std::make_shared<LoadJob>(env, std::make_shared<Lane>(int(cap)), std::move(spec), precision, ReadCacheOptions(info[1]), *isa);
  Napi::Object handle = Job::Start(env, job);
  handle.Set("progress", Napi::Function::New(
                             env,
                             [job](const Napi::CallbackInfo& call) {
                               int64_t loaded = 0, total = 0;
                               WeightStore::Get().Progress(*job, &loaded, &total);
                               Napi::Object progress = Napi::Object::New(call.Env());
                               progress["loaded"] = double(loaded);
                               progress["total"] = double(total);
                               return progress;
                             },
                             "progress"));
  return handle;
}

}  // namespace vitrine
