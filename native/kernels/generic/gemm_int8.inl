// gemm_int8: unsigned rows times signed weights, exact in int32, by the ByteDot of the ISA. Before it: gemm.inl, pack.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// a_scale·column_scale·(Σ − a_zero·column_sum) + bias: the difference is exact in int32
struct ByteFinish {
  const float* row_scale;
  const int32_t* row_zero;
  Vec bias[kTileVecs], scale[kTileVecs];
  IntVec sum[kTileVecs];
  ByteFinish(const GemmCall& call, int64_t panel) : row_scale(call.a_scale), row_zero(call.a_zero) {
    for (int v = 0; v < kTileVecs; v++) {
      const int64_t column = panel * kColumns + v * kLanes;
      bias[v] = call.bias != nullptr ? Load(call.bias + column) : Zero();
      scale[v] = Load(call.column_scale + column);
      sum[v] = LoadInts(call.column_sum + column);
    }
  }
  Vec Of(const int32_t* sums, int64_t row, int v) const { return Of(LoadInts(sums), row, v); }
  VITRINE_INLINE Vec Of(IntVec product, int64_t row, int v) const {
    const IntVec exact = SubInts(product, MulInts(SetInts(row_zero[row]), sum[v]));
    return MulAdd(Mul(Set(row_scale[row]), scale[v]), ToFloats(exact), bias[v]);
  }
};

int64_t BytePanelBytes(int64_t k) { return (k + 3) / 4 * kColumns * 4; }

void PackBytePanel(const void* const* rows, int64_t k, void* panel) {
  PackUnits(rows, k, 4, static_cast<float*>(panel), [](const void* row, int64_t first, int64_t count, void* out) {
    __builtin_memcpy(out, static_cast<const int8_t*>(row) + first, size_t(count));
  });
}

constexpr Gemm kGemmInt8 = {.rows = kTileRows,
                            .columns = kColumns,
                            .input = Number::kU8,
                            .panel_bytes = BytePanelBytes,
                            .pack_panel = PackBytePanel,
                            .run = RunGemm<ByteDot, ByteFinish>};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
