// gemm_int8 in pairs where the CPU has no products of bytes: pairs of int16, exact in int32. Before it: byte_dot.inl, gemm_int8.inl,
// gemm_pairs.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

// A lane is two int16, of bytes 0 and 2, or 1 and 3, of each four of k: as a packed panel gives them. Sums of rows are within ±510,
// differences of panels within ±510. Sums of products wrap, which is exact where the last one fits.
struct ByteSides {
  using Dot = ByteDot;
  using Finish = ByteFinish;
  using Value = uint8_t;
  using Vector = IntVec;
  static constexpr int64_t kOfK = 2, kPackedBytes = 2;
  static IntVec None() { return SetInts(0); }
  static IntVec Load(const float* p) { return LoadInts(p); }
  static void Store(float* p, IntVec x) { StoreInts(p, x); }
  static Vec Floats(IntVec x) { return FloatsOfBits(x); }
  static IntVec Row(const uint8_t* row, LaneRange lanes) {
    row += lanes.begin * kOfK;
    if (lanes.count == kLanes) return LoadBytePairs(row);
    uint8_t bytes[kLanes * kOfK] = {};
    __builtin_memcpy(bytes, row, size_t(lanes.count * kOfK));
    return LoadBytePairs(bytes);
  }
  static IntVec Packed(const char* panel, LaneOfK k, int v) {
    const EvenOdd four = SplitSigned(LoadInts(panel + ((k.i / 2 + k.u / 2) * kTileVecs + v) * kLanes * 4));
    return k.u % 2 == 0 ? four.even : four.odd;
  }
  static IntVec Add(IntVec a, IntVec b) { return AddInt16(a, b); }
  static IntVec Sub(IntVec a, IntVec b) { return SubInt16(a, b); }
  static IntVec AddSums(IntVec a, IntVec b) { return AddInts(a, b); }
  // Products of all columns, then their sums. Left to itself GCC mixes rows and runs out of registers.
  VITRINE_INLINE static void Step(const float* at, int, const IntVec (&weights)[kTileVecs], IntVec (&sum)[kTileVecs]) {
    int32_t value;
    __builtin_memcpy(&value, at, 4);
    IntVec products[kTileVecs];
    VITRINE_EACH(kTileVecs) products[m] = MulAddInt16(SetInts(value), weights[m]);
    VITRINE_EACH(kTileVecs) AddInOrder(sum[m], products[m]);
  }
};

constexpr Gemm WithPairs(Gemm gemm) {
  gemm.pair_scratch_bytes = PairScratchBytes<ByteSides>;
  gemm.run_pairs = RunPairs<ByteSides>;
  return gemm;
}
constexpr Gemm kGemmInt8InPairs = WithPairs(kGemmInt8);

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
