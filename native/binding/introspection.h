// What the addon says about itself: runtime() and counters() of lib/native.ts.
#pragma once

#include <napi.h>

namespace vitrine {

Napi::Value Runtime(const Napi::CallbackInfo& info);
Napi::Value ReadCounters(const Napi::CallbackInfo& info);

}  // namespace vitrine
