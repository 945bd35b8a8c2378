// gemm_bf16 where the CPU has no bf16 products: weights are stored as bf16 and widened in the tile; rows and arithmetic are fp32.
// Before it: gemm.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct StoredBf16Dot : FloatDot {
  using Right = uint16_t;
  static constexpr int64_t kUnit = 1;
  static Vec Weights(const uint16_t* panel) { return LoadBf16(panel); }
};

int64_t StoredBf16PanelBytes(int64_t k) { return k * kColumns * int64_t(sizeof(uint16_t)); }

void PackStoredBf16Panel(const void* const* rows, int64_t k, void* panel) {
  auto* out = static_cast<uint16_t*>(panel);
  for (int64_t n = 0; n < kColumns; n++) {
    const auto* row = static_cast<const float*>(rows[n]);
    for (int64_t i = 0; i < k; i++) out[i * kColumns + n] = row != nullptr ? RoundToBf16(row[i]) : uint16_t{0};
  }
}

constexpr Gemm kGemmBf16 = {.rows = kTileRows,
                            .columns = kColumns,
                            .input = Number::kF32,
                            .panel_bytes = StoredBf16PanelBytes,
                            .pack_panel = PackStoredBf16Panel,
                            .run = RunGemm<StoredBf16Dot, PlainFinish>};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
