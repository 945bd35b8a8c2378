// fp32 products: gemm.h's `gemm`. Before it: gemm.inl, gemm_pairs.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct FloatGemmDot : FloatDot {
  static constexpr int64_t kUnit = 1;
  static constexpr int64_t kLongestPart = 768;  // the seven left sides of 98 pairs are then a megabyte: they stay in L2
};

// A lane is a float. Every other row is broadcast by the multiply-add itself: all of them would need more loads than a CPU of two a cycle
// has.
struct FloatSides {
  using Dot = FloatGemmDot;
  using Finish = PlainFinish;
  using Value = float;
  using Vector = Vec;
  static constexpr int64_t kOfK = 1, kPackedBytes = 4;
  static Vec None() { return Zero(); }
  static Vec Load(const float* p) { return VITRINE_ISA_NAMESPACE::Load(p); }
  static void Store(float* p, Vec x) { VITRINE_ISA_NAMESPACE::Store(p, x); }
  static Vec Floats(Vec x) { return x; }
  static Vec Row(const float* row, LaneRange lanes) {
    return lanes.count == kLanes ? Load(row + lanes.begin) : LoadPart(row + lanes.begin, lanes.count);
  }
  static Vec Packed(const char* panel, LaneOfK k, int v) { return Load(reinterpret_cast<const float*>(panel) + k.at(v)); }
  static Vec Add(Vec a, Vec b) { return VITRINE_ISA_NAMESPACE::Add(a, b); }
  static Vec Sub(Vec a, Vec b) { return VITRINE_ISA_NAMESPACE::Sub(a, b); }
  static Vec AddSums(Vec a, Vec b) { return Add(a, b); }
  VITRINE_INLINE static void Step(const float* at, int row, const Vec (&weights)[kTileVecs], Vec (&sum)[kTileVecs]) {
    VITRINE_EACH(kTileVecs) sum[m] = row % 2 == 1 ? MulAddFrom(at, weights[m], sum[m]) : MulAdd(Set(*at), weights[m], sum[m]);
    VITRINE_EACH(kTileVecs) KeepOrder(sum[m]);
  }
};

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
                        .pair_scratch_bytes = PairScratchBytes<FloatSides>,
                        .run_pairs = RunPairs<FloatSides>};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
