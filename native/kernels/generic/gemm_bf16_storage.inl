// gemm_bf16 where the CPU has no bf16 products: weights are stored as bf16 and widened in the tile, of pairs of rows in the first one; rows
// and arithmetic are fp32. Before it: gemm_float.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct StoredBf16Dot : FloatGemmDot {
  using Right = uint16_t;
  static Vec Weights(const uint16_t* panel) { return LoadBf16(panel); }
};

struct StoredBf16Sides : FloatSides {
  using Dot = StoredBf16Dot;
  static constexpr int64_t kPackedBytes = 2;
  static Vec Packed(const char* panel, LaneOfK k, int v) { return LoadBf16(reinterpret_cast<const uint16_t*>(panel) + k.at(v)); }
};

int64_t StoredBf16PanelBytes(int64_t k) { return k * kColumns * int64_t(sizeof(uint16_t)); }

void PackStoredBf16Panel(const void* const* rows, int64_t k, void* panel) {
  constexpr int64_t kBlock = 16;  // of k: transposed as floats, then rounded in the panel's order
  static const float zeros[kBlock] = {};
  alignas(64) float block[kBlock * kColumns];
  auto* out = static_cast<uint16_t*>(panel);
  for (int64_t first = 0; first < k; first += kBlock) {
    const int64_t count = k - first < kBlock ? k - first : kBlock;
    const float* floats[kColumns];
    for (int n = 0; n < kColumns; n++) floats[n] = rows[n] != nullptr ? static_cast<const float*>(rows[n]) + first : zeros;
    PackColumns(floats, kColumns, kColumns, count, block);
    for (int64_t i = 0; i < count * kColumns; i++) out[first * kColumns + i] = RoundToBf16(block[i]);
  }
}

constexpr Gemm kGemmBf16 = {.rows = kTileRows,
                            .columns = kColumns,
                            .input = Number::kF32,
                            .panel_bytes = StoredBf16PanelBytes,
                            .pack_panel = PackStoredBf16Panel,
                            .run = RunGemm<StoredBf16Dot, PlainFinish>,
                            .pair_scratch_bytes = PairScratchBytes<StoredBf16Sides>,
                            .run_pairs = RunPairs<StoredBf16Sides>};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
