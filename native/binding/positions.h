// resizePositions() of lib/native.ts: a position table resized to another grid, for graphs that are written to disk.
#pragma once

#include <napi.h>

namespace vitrine {

Napi::Value ResizePositions(const Napi::CallbackInfo& info);

}  // namespace vitrine
