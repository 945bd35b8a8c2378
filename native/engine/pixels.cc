#include "pixels.h"

#include <cstring>

namespace vitrine {
namespace {

// a·b/255, rounded: Pillow's MULDIV255
inline uint32_t MulDiv255(uint32_t a, uint32_t b) {
  const uint32_t t = a * b + 128;
  return (t + (t >> 8)) >> 8;
}

// libvips inverts nothing: 255 is full ink. What is left of white under black, less each ink's share of it.
inline uint8_t FromInk(uint32_t ink, uint32_t left) { return uint8_t(left - MulDiv255(ink, left)); }

// Pillow's alpha_composite over opaque white, with its seven bits of extra precision.
inline uint8_t OverWhite(uint32_t level, uint32_t alpha) {
  const uint32_t t = (level * alpha + 255 * (255 - alpha)) * 128 + 16384;
  return uint8_t((t + (t >> 8)) >> 15);
}

}  // namespace

void ToRgb(PixelLayout layout, const uint8_t* pixels, int64_t count, uint8_t* rgb) {
  switch (layout) {
    case PixelLayout::kRgb:
      std::memcpy(rgb, pixels, size_t(count) * 3);
      return;
    case PixelLayout::kGrey:
      for (int64_t i = 0; i < count; i++) rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = pixels[i];
      return;
    case PixelLayout::kRgba:
      for (int64_t i = 0; i < count; i++) std::memcpy(rgb + 3 * i, pixels + 4 * i, 3);
      return;
    case PixelLayout::kRgbaOverWhite:
      for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < 3; c++) rgb[3 * i + c] = OverWhite(pixels[4 * i + c], pixels[4 * i + 3]);
      }
      return;
    case PixelLayout::kCmyk:
      for (int64_t i = 0; i < count; i++) {
        for (int64_t c = 0; c < 3; c++) rgb[3 * i + c] = FromInk(pixels[4 * i + c], 255 - pixels[4 * i + 3]);
      }
      return;
  }
}

}  // namespace vitrine
