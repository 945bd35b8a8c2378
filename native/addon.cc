// The exports of the addon: lib/native.ts is their description. Before it: lib/native.ts; after it: binding/, engine/.
#include <napi.h>

#include "binding/introspection.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("runtime", Napi::Function::New(env, vitrine::Runtime, "runtime"));
  exports.Set("counters", Napi::Function::New(env, vitrine::ReadCounters, "counters"));
  return exports;
}

}  // namespace

NODE_API_MODULE(vitrine, Init)
