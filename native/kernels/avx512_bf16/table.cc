// What bf16 instructions improve over avx512_vnni: products of bf16, and whatever stores it.
// clang-format off
#include "../kernels.h"
#include "../avx512/vec.h"
#include "../avx512/ints.h"
#include "bf16.h"
#include "../avx512_vnni/byte_dot.h"
#include "../generic/tile.inl"
#include "../generic/activation.inl"
#include "../generic/pack.inl"
#include "../generic/patch_embed.inl"
#include "../generic/patch_embed_bf16.inl"
#include "../generic/quantize.inl"
#include "../generic/layer_norm.inl"
#include "../generic/gemm_tall.inl"
#include "../generic/gemm.inl"
#include "../generic/gemm_bf16.inl"
#include "../generic/gemm_int8.inl"
#include "../generic/attention.inl"
#include "../generic/attention_pairs.inl"
#include "../generic/attention_bf16.inl"
// clang-format on

namespace vitrine::VITRINE_ISA_NAMESPACE {

extern const Kernels kTable;
const Kernels kTable = {
    .patch_embed_bf16 = kPatchEmbedBf16,
    .layer_norm = LayerNorm,
    .gemm_bf16 = kGemmBf16,
    .gemm_int8 = kGemmInt8,
    .attention_bf16 = kAttentionBf16,
};

}  // namespace vitrine::VITRINE_ISA_NAMESPACE
