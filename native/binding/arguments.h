// From JavaScript's values to the engine's plain structs. Before it: lib/native.ts; after it: images.cc and load.cc. TypeScript has checked
// for the sake of messages; here every size that C++ will rely on is checked again. All throw a Napi::Error with a code.
#pragma once

#include <napi.h>

#include <vector>

#include "../engine/encoder.h"
#include "../engine/geometry.h"
#include "../engine/spec.h"

namespace vitrine {

EncoderSpec ReadSpec(Napi::Value value);
RecycledVector<Output> ReadOutputs(Napi::Value value);
// Undefined: none.
MergeSchedule ReadMerging(Napi::Value value);

// Parts of a spec that other arguments have too. ReadFiles: `files` and `stamps`.
Tensor ReadTensor(Napi::Value value, const char* role);
void ReadFiles(Napi::Object object, EncoderSpec* spec);
PoolTerm ReadTerm(Napi::Value value);
void ReadTriple(Napi::Value value, const char* what, double* out);

// A whole number from least to most; `what` is what messages call it.
int64_t ReadInteger(Napi::Value value, const char* what, int64_t least, int64_t most);

// A picture or pixel values with its buffer, which holds exactly what its sizes say and has not been detached. ERR_IMAGE_DIMS.
struct ImageArgument {
  ImageInput input;
  Napi::Value buffer;
  bool is_picture;
};
ImageArgument ReadImage(Napi::Value value);

// Element offset · length of a typed array that has room for it.
float* ReadFloatSink(Napi::Value value, int64_t row, int64_t length);
uint8_t* ReadByteSink(Napi::Value value, int64_t row, int64_t length);

}  // namespace vitrine
