// run() of a session: one image, cropped on the pool, then computed by the session's thread. Before it: onnx_arguments.h; after it: job.h,
// then onnxruntime/session.h.
#pragma once

#include <napi.h>

#include <memory>

#include "../onnxruntime/session.h"

namespace vitrine {

// run(image, outputs, sinks, row, { burst, normalise }) of lib/native.ts; `use` is empty where the model was closed.
Napi::Value RunOnnxImage(const Napi::CallbackInfo& info, const std::shared_ptr<OrtUse>& use);

}  // namespace vitrine
