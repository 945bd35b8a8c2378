// The calls on images: run() of a model and crop(). Before it: arguments.h; after it: job.h, then engine/encoder.h.
#pragma once

#include <napi.h>

#include <memory>

#include "../engine/scheduler.h"
#include "../engine/weights.h"

namespace vitrine {

// What an open model holds; its jobs hold the same, so that closing it under them harms nobody.
struct OpenModel {
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<Lane> lane;
};

// run(image, outputs, sinks, row, merging) of lib/native.ts.
Napi::Value RunImage(const Napi::CallbackInfo& info, const OpenModel& model);

// crop(picture, sink, row)
Napi::Value Crop(const Napi::CallbackInfo& info);

// detach(bytes)
void Detach(const Napi::CallbackInfo& info);

}  // namespace vitrine
