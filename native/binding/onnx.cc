// The two jobs behind onnx.h.
#include "onnx.h"

#include "../engine/counters.h"
#include "../onnxruntime/guard.h"
#include "../onnxruntime/session_store.h"
#include "../platform/cpu_limits.h"
#include "job.h"
#include "onnx_arguments.h"
#include "onnx_images.h"
#include "results.h"
#include "values.h"

namespace vitrine {
namespace {

// What ONNX Runtime computes does not occupy our pool: these jobs only begin there.
std::shared_ptr<Lane> NewLane() { return std::make_shared<Lane>(kMostThreads); }

// Before the main thread's process exits, ONNX Runtime is left: at its 'exit' event. A worker's says nothing of the process.
void WatchExit(Napi::Env env) {
  Environment& environment = Environment::Of(env);
  if (environment.watches_exit) return;
  environment.watches_exit = true;
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  const Napi::Object object = process.As<Napi::Object>();
  const Napi::Value get = object.Get("getBuiltinModule"), once = object.Get("once");
  if (!get.IsFunction() || !once.IsFunction()) return;
  const Napi::Value workers = get.As<Napi::Function>().Call(process, {Napi::String::New(env, "node:worker_threads")});
  if (!workers.IsObject() || !workers.As<Napi::Object>().Get("isMainThread").ToBoolean()) return;
  once.As<Napi::Function>().Call(process,
                                 {Napi::String::New(env, "exit"), Napi::Function::New(env, [](const Napi::CallbackInfo&) { EndOrt(); })});
}

class OpenJob final : public Job {
 public:
  OpenJob(Napi::Env env, std::string path) : Job(env, NewLane()), path_(std::move(path)) {}

 private:
  Progress Work(Worker&, Status* status) override {
    *status = OpenOrtLibrary(path_, &library_);
    return Progress::kDone;
  }
  Napi::Value Result(Napi::Env env) override {
    Napi::Object library = Napi::Object::New(env);
    Napi::Array providers = Napi::Array::New(env);
    for (const std::string& name : library_->providers) providers[providers.Length()] = name;
    library["path"] = library_->path;
    library["version"] = library_->version;
    library["providers"] = providers;
    return library;
  }

  const std::string path_;
  const OrtLibrary* library_ = nullptr;
};

// The native half of a NativeOnnxModel: open until closed or collected.
class OnnxHandle {
 public:
  explicit OnnxHandle(std::shared_ptr<OrtUse> use) : use_(std::move(use)) { counters.models++; }
  ~OnnxHandle() { Close(); }
  void Close() {
    if (use_ != nullptr) counters.models--;
    use_.reset();
  }
  const std::shared_ptr<OrtUse>& use() const { return use_; }

 private:
  std::shared_ptr<OrtUse> use_;
};

class LoadOnnxJob final : public Job, public OrtRequest {
 public:
  LoadOnnxJob(Napi::Env env, OrtSource source) : Job(env, NewLane()), source_(std::move(source)) {}

  void Cancel() override {
    Scheduler::Get().Cancel(*this);  // in the queue or not: whether the load is still to be answered, the store knows
    if (OrtStore::Get().Leave(*this)) Deliver(Status::Error("ERR_ABORTED", "the load was cancelled"));
  }
  void Opened(Status status, std::shared_ptr<OrtUse> use) override {
    use_ = std::move(use);
    Deliver(std::move(status));
  }

 private:
  Progress Work(Worker&, Status* status) override {
    try {
      OrtStore::Get().Load(std::static_pointer_cast<LoadOnnxJob>(shared_from_this()), std::move(source_));
      return Progress::kDeliveredLater;
    } catch (const std::exception& error) {
      *status = Status::Error("ERR_OUT_OF_MEMORY", std::string("loading: ") + error.what());
      return OrtStore::Get().Leave(*this) ? Progress::kDone : Progress::kDeliveredLater;
    }
  }
  Napi::Value Result(Napi::Env env) override {
    const auto handle = std::make_shared<OnnxHandle>(std::move(use_));
    const Runner& runner = handle->use()->model->runner();
    const auto ports = [env](const std::vector<OrtPort>& list) {
      Napi::Array array = Napi::Array::New(env);
      for (const OrtPort& port : list) array[array.Length()] = PortToObject(env, port);
      return array;
    };
    Napi::Object model = Napi::Object::New(env);
    model["inputs"] = ports(runner.inputs());
    model["outputs"] = ports(runner.outputs());
    model["weightBytes"] = double(runner.weight_bytes());
    model["batch"] = double(runner.batch());
    model["run"] = Napi::Function::New(
        env, [handle](const Napi::CallbackInfo& info) { return RunOnnxImage(info, handle->use()); }, "run");
    model["close"] = Napi::Function::New(
        env, [handle](const Napi::CallbackInfo&) { handle->Close(); }, "close");
    return model;
  }

  OrtSource source_;
  std::shared_ptr<OrtUse> use_;
};

}  // namespace

Napi::Value OpenOnnxLibrary(const Napi::CallbackInfo& info) {
  WatchExit(info.Env());
  return Job::Start(info.Env(), std::make_shared<OpenJob>(info.Env(), String(info[0], "path")));
}

Napi::Value LoadOnnxModel(const Napi::CallbackInfo& info) {
  WatchExit(info.Env());
  return Job::Start(info.Env(), std::make_shared<LoadOnnxJob>(info.Env(), ReadOrtSource(info[0])));
}

}  // namespace vitrine
