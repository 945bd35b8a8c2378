// The layouts that a decoder gives → RGB, row by row, by Pillow's integer formulas. Before it: picture.cc; after it: kernels/resample.h.
#pragma once

#include <cstdint>

#include "geometry.h"

namespace vitrine {

// `count` pixels of `layout` → RGB [count, 3]. kRgb is copied.
void ToRgb(PixelLayout layout, const uint8_t* pixels, int64_t count, uint8_t* rgb);

}  // namespace vitrine
