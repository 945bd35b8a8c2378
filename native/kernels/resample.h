// Contract: separable uint8 resampling with fixed-point coefficients, bit-equal to Pillow's Image.resize and to torchvision's uint8 path.
// Before it: the decoder; after it: patch_embed.h. Placeholder until the passes are specified below.
#pragma once

#include <cstdint>

namespace vitrine {

// One axis of a resize restricted to the outputs that the crop shows. Output i is Σⱼ coefficient[i·taps + j] · source[first[i] + j] for
// j < length[i], plus half, shifted right by `bits`, clipped to 0…255.
struct ResampleAxis {
  const int32_t* first;        // [outputs]
  const int32_t* length;       // [outputs] ≤ taps
  const int32_t* coefficient;  // [outputs × taps]
  int32_t outputs, taps, bits;
};

struct Resample {
  // One row of RGB pixels → axis.outputs RGB pixels.
  void (*horizontal)(const uint8_t* source_row, uint8_t* out_row, const ResampleAxis& axis);
  // Rows source + (first + j)·stride, `bytes` wide → output row `index` of the axis.
  void (*vertical)(const uint8_t* source, int64_t stride, uint8_t* out_row, int64_t bytes, const ResampleAxis& axis, int32_t index);
};

}  // namespace vitrine
