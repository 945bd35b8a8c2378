// ByteDot where the CPU multiplies bytes itself: by DotOfBytes(sum, bytes, weights) of the ISA's byte_dot.h. Elsewhere: byte_dot.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct ByteDot {
  using Left = uint32_t;   // four bytes
  using Right = uint32_t;  // four weights
  using Out = int32_t;
  static constexpr int64_t kUnit = 4;
  static constexpr bool kStaysInRegisters = true;
  static constexpr int64_t kLongestPart = INT64_MAX;
  static IntVec None() { return SetInts(0); }
  static IntVec Value(const uint32_t* a) { return SetInts(int32_t(*a)); }
  static IntVec Weights(const uint32_t* panel) { return LoadInts(panel); }
  static IntVec Step(IntVec value, IntVec weights, IntVec sum) { return DotOfBytes(sum, value, weights); }
  static void StoreSum(int32_t* out, IntVec sum) { StoreInts(out, sum); }
};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
