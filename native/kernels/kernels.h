// The table of kernels, a slot per kernel in call order. An ISA's table.cc fills the slots that it improves; dispatch.cc lays each
// supported ISA's non-empty slots over the one before.
#pragma once

#include "activation.h"
#include "attention.h"
#include "class_attention.h"
#include "gemm.h"
#include "layer_norm.h"
#include "patch_embed.h"
#include "quantize.h"
#include "quantize_weights.h"
#include "resample.h"

namespace vitrine {

struct Kernels {
  Resample resample{};
  PatchEmbed patch_embed{}, patch_embed_bf16{};
  LayerNormFn layer_norm = nullptr;
  Gemm gemm{}, gemm_bf16{}, gemm_int8{};
  Attention attention{}, attention_bf16{}, attention_int16{};
  ClassAttention class_attention{};
  QuantizeFn quantize = nullptr;
  QuantizeWeightsFn quantize_weights = nullptr;  // while packing
  ActivateFn activate = nullptr;
};

}  // namespace vitrine
