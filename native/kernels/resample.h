// Contract: separable resampling of uint8 RGB with fixed-point coefficients, bit-equal to Pillow's Image.resize and to torchvision's uint8
// path. Before it: the decoder; after it: patch_embed.h. engine/resize_axis.cc makes the coefficients, engine/picture.cc orders the passes.
#pragma once

#include <cstdint>

namespace vitrine {

// One axis of a resize, restricted to the outputs that the crop shows. Output i, per channel:
//   clip((Σⱼ coefficient[i,j] · source[first[i] + j] + 2^(bits−1)) >> bits, 0…255),  j < length[i]
// Exact in 32 bits: |coefficient| ≤ 2^22 and Σⱼ|coefficient[i,j]| · 255 + 2^(bits−1) < 2^31, so any order of summing gives these bits.
struct ResampleAxis {
  const int32_t* first;   // [outputs] ≥ 0, ascending
  const int32_t* length;  // [outputs] 1…taps
  const uint8_t* packed;  // [outputs][row_bytes(taps)], 64-byte aligned, each row by pack_row
  int32_t outputs, taps, bits;
};

// A kernel travels with its packing: overridden as a whole.
struct Resample {
  int64_t (*row_bytes)(int32_t taps);  // bytes of one packed row; a multiple of 4
  void (*pack_row)(const int32_t* coefficient, int32_t length, int32_t taps, uint8_t* row);

  // Rows source + r·stride, r < rows, of RGB pixels → rows out + r·out_stride of axis.outputs RGB pixels; exactly those are written.
  // From the last row's start `readable` bytes may be read (what lies beyond the window is multiplied by 0), from the row before it
  // `stride` more, and so on: readable ≥ 3·(first + length) of every output, and stride ≥ 0.
  void (*horizontal)(const uint8_t* source, int64_t stride, int64_t readable, uint8_t* out, int64_t out_stride, int32_t rows,
                     const ResampleAxis& axis);

  // Rows source + (first[index] + j)·stride, `bytes` wide → one row, exactly `bytes` wide. Nothing else is read or written. out is not
  // one of the sources.
  void (*vertical)(const uint8_t* source, int64_t stride, uint8_t* out, int64_t bytes, const ResampleAxis& axis, int32_t index);
};

}  // namespace vitrine
