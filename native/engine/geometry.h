// What to do with one decoded picture, and the picture. Computed by lib/image/pipeline.ts (twin of Geometry in lib/native.ts), read by
// binding/arguments.cc, executed by picture.cc.
#pragma once

#include <cstdint>

namespace vitrine {

enum class ResizeFilter : uint8_t { kBilinear, kBicubic };
enum class ResizeCoefficients : uint8_t { kPillow, kTorchvision };

struct Geometry {
  int32_t resize_width, resize_height;  // the whole picture after the resize; its own size where there is none
  ResizeFilter filter;
  ResizeCoefficients coefficients;
  bool vertical_first;            // Pillow 13 resizes some portraits vertically first
  int32_t crop_left, crop_top;    // in the resized picture; may be negative, may reach beyond it: such pixels are `pad`
  int32_t crop_width, crop_height;
  uint8_t pad[3];
};

// Decoded upright RGB, row by row without padding: height · width · 3 bytes.
struct PictureView {
  const uint8_t* data;
  int32_t width, height;
};

// Largest side of a picture, a resized picture or a crop: any offset in one then fits an int64.
constexpr int32_t kLargestSide = 1 << 24;

}  // namespace vitrine
