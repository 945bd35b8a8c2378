// patch_embed_bf16 where the CPU multiplies pairs of bf16 (PairDot of the ISA's bf16.h). Before it: patch_embed.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

struct PairPatches {
  using Value = uint16_t;
  using Dot = PairDot;
  static constexpr int64_t kUnit = 2;
  static void Put(uint16_t* out, Vec x) { StoreBf16(out, x); }
  static void Put(uint16_t* out, float x) { *out = RoundToBf16(x); }
};

constexpr PatchEmbed kPatchEmbedBf16 = PatchEmbedOf<PairPatches>(Number::kBf16);

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
