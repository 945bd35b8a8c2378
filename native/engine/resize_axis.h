// Coefficients of one axis of a resize, as Pillow and torchvision compute them. Before it: picture.cc; after it: kernels/resample.h.
#pragma once

#include <cstdint>

#include "../kernels/resample.h"
#include "arena.h"
#include "geometry.h"

namespace vitrine {

// One edge of a resize, restricted to what the crop shows: pixels [origin, origin + span) of the picture become the visible outputs.
struct ResizeEdge {
  bool resized;  // false: the pass changes nothing and is left out, origin and span are the outputs themselves
  int32_t origin, span;
  ResampleAxis axis;  // `first` counts from origin
};

// Which edge: the outputs [begin, end) of resizing `in` pixels to `out` pixels, coefficients packed for `kernel`.
// 1 ≤ in, out ≤ kLargestSide, 0 ≤ begin < end ≤ out.
struct ResizeRequest {
  const Resample* kernel;
  ResizeFilter filter;
  ResizeCoefficients coefficients;
  int32_t in, out, begin, end;
  bool operator==(const ResizeRequest&) const = default;
};

// The last edge made, kept: pictures of one size, or sizes, compute their coefficients once. Of one thread.
class ResizeEdgeCache {
 public:
  // Valid until the next call; null: no memory.
  const ResizeEdge* Get(const ResizeRequest& request);

 private:
  bool Make(const ResizeRequest& request);

  Arena arena_;
  bool filled_ = false;
  ResizeRequest request_{};
  ResizeEdge edge_{};
};

}  // namespace vitrine
