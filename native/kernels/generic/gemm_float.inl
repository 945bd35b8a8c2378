// fp32 products: gemm.h's `gemm`. Before it: gemm.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

int64_t FloatPanelBytes(int64_t k) { return k * kColumns * int64_t(sizeof(float)); }

void PackFloatPanel(const void* const* rows, int64_t k, void* panel) {
  const float* floats[kColumns];
  for (int n = 0; n < kColumns; n++) floats[n] = static_cast<const float*>(rows[n]);
  auto* out = static_cast<float*>(panel);
  int64_t present = 0;
  while (present < kColumns && floats[present] != nullptr) present++;
  bool tail_only = true;
  for (int64_t n = present; n < kColumns; n++) tail_only = tail_only && floats[n] == nullptr;
  if (tail_only) return PackColumns(floats, present, kColumns, k, out);
  for (int64_t i = 0; i < k; i++)
    for (int64_t n = 0; n < kColumns; n++) out[i * kColumns + n] = floats[n] != nullptr ? floats[n][i] : 0;
}

constexpr Gemm kGemm = {.rows = kTileRows,
                        .columns = kColumns,
                        .input = Number::kF32,
                        .panel_bytes = FloatPanelBytes,
                        .pack_panel = PackFloatPanel,
                        .run = RunGemm<FloatGemmDot, PlainFinish>,
                        .pair_scratch_bytes = PairScratchBytes,
                        .run_pairs = RunPairs};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
