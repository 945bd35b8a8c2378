// runtime(), counters(), profile() and peak(), behind introspection.h.
#include "introspection.h"

#include "../engine/counters.h"
#include "../engine/peak.h"
#include "../engine/profile.h"
#include "../kernels/dispatch.h"
#include "../platform/cpu_limits.h"
#include "../platform/memory.h"
#include "../platform/recycled.h"
#include "results.h"

#ifndef VITRINE_VERSION
#define VITRINE_VERSION "0.0.0"
#endif

namespace vitrine {

Napi::Value Runtime(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const IsaEntry* active = nullptr;
  if (const Status status = ActiveIsa(&active); !status.ok()) throw ToError(env, status);
  Napi::Array isas = Napi::Array::New(env);
  for (const IsaEntry& isa : AllIsas()) {
    Napi::Object entry = Napi::Object::New(env);
    entry["name"] = isa.name;
    entry["supported"] = isa.supported;
    if (!isa.fault.empty()) entry["fault"] = isa.fault;
    isas[isas.Length()] = entry;
  }
  Napi::Object runtime = Napi::Object::New(env);
  runtime["isa"] = active->name;
  runtime["isas"] = isas;
  runtime["bf16"] = active->kernels->gemm_bf16.input == Number::kBf16;
  runtime["threads"] = DefaultThreads();
  runtime["version"] = VITRINE_VERSION;
  return runtime;
}

Napi::Value ReadCounters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&result](const char* name, const std::atomic<int64_t>& value) { result[name] = double(value.load()); };
  set("pictures", counters.pictures);
  set("picturesPeak", counters.pictures_peak);
  set("blocksRunning", counters.blocks_running);
  set("blocksBegun", counters.blocks_begun);
  set("models", counters.models);
  set("weightBytes", counters.weight_bytes);
  result["pagesBytes"] = double(PagesBytes());
  result["recycledBytes"] = double(RecycledBytes());
  set("environments", counters.environments);
  set("poolThreads", counters.pool_threads);
  set("cacheWriting", counters.cache_writing);
  set("cacheWritten", counters.cache_written);
  set("cacheFailed", counters.cache_failed);
  set("onnxSessions", counters.onnx_sessions);
  set("onnxRuns", counters.onnx_runs);
  set("onnxImages", counters.onnx_images);
  set("onnxRunning", counters.onnx_running);
  if (info[0].IsObject() && info[0].As<Napi::Object>().Get("reset").ToBoolean()) counters.pictures_peak = counters.pictures.load();
  return result;
}

Napi::Value ReadProfile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array stages = Napi::Array::New(env);
  for (int i = 0; i < kStages; i++) {
    Napi::Object stage = Napi::Object::New(env);
    stage["name"] = kStageNames[i];
    stage["milliseconds"] = double(profile.stages[i].nanoseconds.exchange(0)) / 1e6;
    stage["operations"] = double(profile.stages[i].operations.exchange(0));
    stages[uint32_t(i)] = stage;
  }
  profile.on = info[0].ToBoolean();
  return stages;
}

Napi::Value MeasurePeak(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const IsaEntry* active = nullptr;
  if (const Status status = ActiveIsa(&active); !status.ok()) throw ToError(env, status);
  Napi::Object peak = Napi::Object::New(env);
  peak["fp32"] = PeakOf(active->kernels->gemm);
  peak["bf16"] = PeakOf(active->kernels->gemm_bf16);
  peak["int8"] = PeakOf(active->kernels->gemm_int8);
  return peak;
}

}  // namespace vitrine
