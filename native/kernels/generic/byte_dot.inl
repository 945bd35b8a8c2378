// Products of unsigned and signed bytes where the CPU has none of its own: as pairs of int16, whose sums of two products fit int32.
// (The instruction that multiplies bytes to int16 saturates: 2·255·127 is beyond it.)

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct ByteDot {
  using Left = uint32_t;   // four bytes
  using Right = uint32_t;  // four weights
  using Out = int32_t;
  static constexpr int64_t kUnit = 4;
  static constexpr bool kStaysInRegisters = false;
  static constexpr int64_t kLongestPart = INT64_MAX;
  static IntVec None() { return SetInts(0); }
  static EvenOdd Value(const uint32_t* a) {
    int32_t four;
    __builtin_memcpy(&four, a, 4);
    return SplitUnsigned(SetInts(four));
  }
  static EvenOdd Weights(const uint32_t* panel) { return SplitSigned(LoadInts(panel)); }
  static IntVec Step(EvenOdd value, EvenOdd weights, IntVec sum) {
    return AddInts(sum, AddInts(MulAddInt16(value.even, weights.even), MulAddInt16(value.odd, weights.odd)));
  }
  static void StoreSum(int32_t* out, IntVec sum) { StoreInts(out, sum); }
};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
