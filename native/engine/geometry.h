// What to do with one decoded picture, and the picture. Computed by lib/image/pipeline.ts (twin of Geometry and PixelLayout in
// lib/native.ts), read by binding/arguments.cc, executed by picture.cc.
#pragma once

#include <cstdint>

namespace vitrine {

enum class ResizeFilter : uint8_t { kNearest, kBilinear, kBicubic, kLanczos, kBox, kHamming };
// Whose fixed-point coefficients: Pillow's 22 bits, or torchvision's 16-bit ones.
enum class ResizeCoefficients : uint8_t { kPillow, kTorchvision };

struct Geometry {
  int32_t resize_width, resize_height;  // the whole picture after the resize; its own size where there is none
  ResizeFilter filter;
  ResizeCoefficients coefficients;
  bool vertical_first;          // Pillow 13 resizes some portraits vertically first
  int32_t crop_left, crop_top;  // in the resized picture; may be negative, may reach beyond it: such pixels are `pad`
  int32_t crop_width, crop_height;
  uint8_t pad[3];
};

// What the bytes of a picture are, per pixel: 1 grey; 3 RGB; 4 RGBA with alpha ignored, RGBA over white, or CMYK as libvips gives it.
enum class PixelLayout : uint8_t { kGrey, kRgb, kRgba, kRgbaOverWhite, kCmyk };

constexpr int32_t BytesPerPixel(PixelLayout layout) { return layout == PixelLayout::kGrey ? 1 : layout == PixelLayout::kRgb ? 3 : 4; }

// Decoded upright pixels, row by row without gaps: bytes = height · width · BytesPerPixel(layout), which picture.cc checks.
struct PictureView {
  const uint8_t* data;
  int64_t bytes;
  int32_t width, height;
  PixelLayout layout;
};

// Largest side of a picture, a resized picture or a crop: any offset in one then fits an int64.
constexpr int32_t kLargestSide = 1 << 24;

}  // namespace vitrine
