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

// The outputs [begin, end) of resizing an edge of `in` pixels to `out` pixels, coefficients packed for `kernel` in the arena's memory.
// False: no memory. 1 ≤ in, out ≤ kLargestSide, 0 ≤ begin < end ≤ out.
bool MakeResizeEdge(const Resample& kernel, ResizeFilter filter, ResizeCoefficients coefficients, int32_t in, int32_t out, int32_t begin,
                    int32_t end, Arena& arena, ResizeEdge* edge);

}  // namespace vitrine
