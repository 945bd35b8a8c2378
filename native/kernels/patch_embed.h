// Contract: image → patch tokens: im2col while packing the tile, the projection, bias and position added in the epilogue.
// Before it: resample.h; after it: layer_norm.h. Letters: H×W image, PH×PW patch, D width, N = (H/PH)·(W/PW) patches row by row.
#pragma once

#include <cstdint>

#include "number.h"

namespace vitrine {

// tokens[n,d] = Σₖ patch_n[k]·w[d,k] + bias[d] + position[n,d], summed as gemm.h sums. The weights are gemm panels of K = 3·PH·PW with
// k = (row·PW + column)·3 + channel for bytes, k = (channel·PH + row)·PW + column for planes. For bytes the normalisation
// (value·rescale − mean) / std is folded into w and bias by whoever packed them, so the kernel multiplies the raw 0…255 (exact in bf16).
struct PatchEmbedCall {
  const uint8_t* bytes;  // from_bytes: crop [H,W,3]
  const float* planes;   // from_planes: pixel values [3,H,W]
  int32_t height, width, patch_height, patch_width;
  const void* panels;  // P panels of the gemm whose input is PatchEmbed::input
  int64_t panel_count;
  const float* bias;      // [P·NR] or null
  const float* position;  // row n at position + n·ld_position, or null; readable up to column P·NR (zeros beyond D)
  int64_t ld_position;
  float* tokens;  // row n at tokens + n·ldt; columns up to P·NR are written
  int64_t ldt;
  int64_t patch_begin, patch_end;
  void* scratch;  // scratch_bytes(K), 64-byte aligned, of this thread alone
};

// `patch_embed` multiplies kF32; `patch_embed_bf16` kBf16, pixel values rounded to it, where gemm_bf16 does so too, else kF32.
struct PatchEmbed {
  Number input;
  int64_t (*scratch_bytes)(int64_t k);
  void (*from_bytes)(const PatchEmbedCall& call);
  void (*from_planes)(const PatchEmbedCall& call);
};

}  // namespace vitrine
