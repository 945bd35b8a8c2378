// What VNNI improves over avx512: products of bytes, and attention in products of int16.
// clang-format off
#include "../kernels.h"
#include "../avx512/vec.h"
#include "../avx512/ints.h"
#include "../avx512/bf16.h"
#include "byte_dot.h"
#include "int16.h"
#include "../generic/tile.inl"
#include "../generic/activation.inl"
#include "../generic/pack.inl"
#include "../generic/gemm_tall.inl"
#include "../generic/gemm.inl"
#include "../generic/gemm_int8.inl"
#include "../generic/attention.inl"
#include "../generic/attention_pairs.inl"
#include "../generic/attention_int16.inl"
// clang-format on

namespace vitrine::VITRINE_ISA_NAMESPACE {

extern const Kernels kTable;
const Kernels kTable = {
    .gemm_int8 = kGemmInt8,
    .attention_int16 = kAttentionInt16,
};

}  // namespace vitrine::VITRINE_ISA_NAMESPACE
