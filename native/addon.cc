// The exports of the addon: lib/native.ts is their description. Before it: lib/native.ts; after it: binding/, engine/.
#include <napi.h>

#include <memory>

#include "binding/environment.h"
#include "binding/images.h"
#include "binding/introspection.h"
#include "binding/load.h"
#include "binding/onnx.h"
#include "binding/positions.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<vitrine::Environment>(env).release());  // freed by the environment, after its cleanup hooks
  exports.Set("runtime", Napi::Function::New(env, vitrine::Runtime, "runtime"));
  exports.Set("loadModel", Napi::Function::New(env, vitrine::LoadModel, "loadModel"));
  exports.Set("crop", Napi::Function::New(env, vitrine::Crop, "crop"));
  exports.Set("detach", Napi::Function::New(env, vitrine::Detach, "detach"));
  exports.Set("resizePositions", Napi::Function::New(env, vitrine::ResizePositions, "resizePositions"));
  exports.Set("openOnnxLibrary", Napi::Function::New(env, vitrine::OpenOnnxLibrary, "openOnnxLibrary"));
  exports.Set("loadOnnxModel", Napi::Function::New(env, vitrine::LoadOnnxModel, "loadOnnxModel"));
  exports.Set("counters", Napi::Function::New(env, vitrine::ReadCounters, "counters"));
  exports.Set("profile", Napi::Function::New(env, vitrine::ReadProfile, "profile"));
  exports.Set("peak", Napi::Function::New(env, vitrine::MeasurePeak, "peak"));
  return exports;
}

}  // namespace

NODE_API_MODULE(vitrine, Init)
