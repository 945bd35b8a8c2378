// gemm_bf16 where the CPU multiplies pairs of bf16 (PairDot of the ISA's bf16.h). Before it: gemm.inl, pack.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

int64_t PairPanelBytes(int64_t k) { return (k + 1) / 2 * kColumns * int64_t(sizeof(uint32_t)); }

void PackPairPanel(const void* const* rows, int64_t k, void* panel) {
  PackUnits(rows, k, 2, static_cast<float*>(panel), [](const void* row, int64_t first, int64_t count, void* out) {
    const float* values = static_cast<const float*>(row) + first;
    auto* rounded = static_cast<uint16_t*>(out);
    for (int64_t i = 0; i < count; i++) rounded[i] = RoundToBf16(values[i]);
  });
}

constexpr Gemm kGemmBf16 = {.rows = kTileRows,
                            .columns = kColumns,
                            .input = Number::kBf16,
                            .panel_bytes = PairPanelBytes,
                            .pack_panel = PackPairPanel,
                            .run = RunGemm<PairDot, PlainFinish>};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
