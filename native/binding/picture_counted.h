// How many decoded pictures jobs hold, for counters(). Used by the jobs of images.cc and onnx_images.cc.
#pragma once

#include <utility>

#include "../engine/counters.h"

namespace vitrine {

// A decoded picture counts from here until its job has settled.
class PictureCounted {
 public:
  PictureCounted() = default;
  void Begin() {
    counting_ = true;
    const int64_t now = ++counters.pictures;
    int64_t peak = counters.pictures_peak.load();
    while (peak < now && !counters.pictures_peak.compare_exchange_weak(peak, now)) {}
  }
  void End() {
    if (std::exchange(counting_, false)) counters.pictures--;
  }
  ~PictureCounted() { End(); }

 private:
  bool counting_ = false;
};

}  // namespace vitrine
