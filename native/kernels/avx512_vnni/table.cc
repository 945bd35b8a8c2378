// What VNNI improves over avx512: products of bytes.
// clang-format off
#include "../kernels.h"
#include "../avx512/vec.h"
#include "../avx512/ints.h"
#include "../avx512/bf16.h"
#include "byte_dot.h"
#include "../generic/tile.inl"
#include "../generic/activation.inl"
#include "../generic/pack.inl"
#include "../generic/gemm_tall.inl"
#include "../generic/gemm.inl"
#include "../generic/gemm_int8.inl"
// clang-format on

namespace vitrine::VITRINE_ISA_NAMESPACE {

extern const Kernels kTable;
const Kernels kTable = {
    .gemm_int8 = kGemmInt8,
};

}  // namespace vitrine::VITRINE_ISA_NAMESPACE
