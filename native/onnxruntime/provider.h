// Session options: threads, memory, and the execution provider by name. Before it: source.h; after it: runner.h.
#pragma once

#include "library.h"
#include "source.h"

namespace vitrine {

// ERR_DEVICE_UNAVAILABLE where the provider is not in this build, or cannot be loaded: with ONNX Runtime's words and what it logged.
Status MakeSessionOptions(const OrtLibrary& library, const OrtSource& source, OrtOwned<OrtSessionOptions>* options);

// Whether host buffers should be pinned and what runs may be captured.
inline bool IsCuda(const OrtSource& source) { return source.provider == "cuda" || source.provider == "tensorrt"; }
// The device_id among the options; 0 where there is none.
int DeviceId(const OrtSource& source);

}  // namespace vitrine
