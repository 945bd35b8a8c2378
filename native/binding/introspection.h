// What the addon says about itself: runtime(), counters(), profile() and peak() of lib/native.ts.
#pragma once

#include <napi.h>

namespace vitrine {

Napi::Value Runtime(const Napi::CallbackInfo& info);
Napi::Value ReadCounters(const Napi::CallbackInfo& info);
Napi::Value ReadProfile(const Napi::CallbackInfo& info);
Napi::Value MeasurePeak(const Napi::CallbackInfo& info);

}  // namespace vitrine
