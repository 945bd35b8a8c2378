// This ISA's kernels: the generic algorithms over its vec.h, in order of use. kTable is the object's only exported symbol.
// clang-format off
#include "../kernels.h"
#include "pairs.h"
#include "../generic/resample.inl"
#ifdef __GNUC__
#include "vec.h"
#include "ints.h"
#include "bf16.h"
#include "../generic/tile.inl"
#include "../generic/activation.inl"
#include "../generic/pack.inl"
#include "../generic/patch_embed.inl"
#include "../generic/quantize.inl"
#include "../generic/quantize_weights.inl"
#include "../generic/layer_norm.inl"
#include "../generic/gemm_tall.inl"
#include "../generic/gemm.inl"
#include "../generic/gemm_pairs.inl"
#include "../generic/gemm_float.inl"
#include "../generic/gemm_bf16_storage.inl"
#include "../generic/byte_dot.inl"
#include "../generic/gemm_int8.inl"
#include "../generic/attention.inl"
#include "../generic/class_attention.inl"
#endif
// clang-format on

namespace vitrine::VITRINE_ISA_NAMESPACE {

extern const Kernels kTable;
const Kernels kTable = {
    .resample = kResample,
#ifdef __GNUC__  // MSVC has no vector type: its slots stay empty and come from the reference
    .patch_embed = kPatchEmbed,
    .patch_embed_bf16 = kPatchEmbed,
    .layer_norm = LayerNorm,
    .gemm = kGemm,
    .gemm_bf16 = kGemmBf16,
    .gemm_int8 = kGemmInt8,
    .attention = kAttention,
    .attention_int16 = kAttention,
    .class_attention = kClassAttention,
    .quantize = Quantize,
    .quantize_weights = QuantizeWeights,
    .activate = Activate,
#endif
};

}  // namespace vitrine::VITRINE_ISA_NAMESPACE
