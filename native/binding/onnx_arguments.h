// OnnxModelSource and OnnxOutput of lib/native.ts → plain structs; every size that C++ will rely on is checked again. Before it:
// lib/native.ts; after it: onnx.cc and onnx_images.cc. All throw a Napi::Error with a code.
#pragma once

#include <napi.h>

#include "../onnxruntime/results.h"
#include "../onnxruntime/source.h"

namespace vitrine {

OrtSource ReadOrtSource(Napi::Value value);

// Outputs by name and their sinks; the sinks are to be pinned by the caller.
std::vector<OrtResult> ReadOrtResults(Napi::Value outputs, Napi::Value sinks, int64_t row, const Runner& runner);

// The values that the 256 bytes become, per channel: (value · rescale − mean) / std.
struct NormaliseTable {
  float of[3][256];
};
NormaliseTable ReadNormalise(Napi::Value value);

// { name, type, dims } of a port; 'float32' and the like of an ONNX element type.
Napi::Value PortToObject(Napi::Env env, const OrtPort& port);
const char* OrtTypeName(int type);

}  // namespace vitrine
