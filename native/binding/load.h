// loadModel(): weights into memory, and the open model as JavaScript sees it. Before it: arguments.h; after it: engine/weight_store.h.
#pragma once

#include <napi.h>

namespace vitrine {

// loadModel(spec, { threads }) of lib/native.ts.
Napi::Value LoadModel(const Napi::CallbackInfo& info);

}  // namespace vitrine
