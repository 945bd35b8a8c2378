// The reference kernels' table: the foundation that dispatch.cc lays every ISA upon, so each slot is filled.
#include "reference.h"

namespace vitrine::reference {

extern const Kernels kTable;
const Kernels kTable = {
    .resample = kResample,
    .patch_embed = kPatchEmbed,
    .patch_embed_bf16 = kPatchEmbedBf16,
    .layer_norm = LayerNorm,
    .gemm = kGemm,
    .gemm_bf16 = kGemmBf16,
    .gemm_int8 = kGemmInt8,
    .attention = kAttention,
    .attention_bf16 = kAttentionBf16,
    .attention_int16 = kAttention,
    .class_attention = kClassAttention,
    .quantize = Quantize,
    .quantize_weights = QuantizeWeights,
    .activate = Activate,
};

}  // namespace vitrine::reference
