// openOnnxLibrary() and loadOnnxModel(): the library, and a session as JavaScript sees it. Before it: onnx_arguments.h; after it:
// onnxruntime/session_store.h.
#pragma once

#include <napi.h>

namespace vitrine {

Napi::Value OpenOnnxLibrary(const Napi::CallbackInfo& info);
Napi::Value LoadOnnxModel(const Napi::CallbackInfo& info);

}  // namespace vitrine
