// What attention in numbers of 16 bits shares, two of which are a 32-bit unit: pairs of channels in queries and keys, pairs of tokens in
// weights and values. Before it: attention.inl; after it: attention_bf16.inl, attention_int16.inl.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

inline int64_t Pairs2(int64_t n) { return (n + 1) / 2; }
inline PanelWalk PairKeys(int64_t tokens, int64_t head_dim) { return {tokens, Pairs2(head_dim)}; }
inline PanelWalk PairValues(int64_t tokens, int64_t head_dim) { return {head_dim, Pairs2(tokens)}; }

// What scratch holds: queries [R][query_stride] pairs, scores [R][score_stride] floats, weights [R][weight_stride] pairs, outputs
struct PairAttentionScratch {
  int64_t query_stride, score_stride, weight_stride, output_stride;
  PairAttentionScratch(int64_t tokens, int64_t head_dim)
      : query_stride(RoundUp(Pairs2(head_dim), 16)),
        score_stride(RoundUp(KeyBlock(tokens), kColumns) + kColumns),  // -∞ may be stored behind the last key
        weight_stride(score_stride / 2),
        output_stride(RoundUp(RoundUp(head_dim, kColumns), 16)) {}
  int64_t Bytes() const { return 4 * kTileRows * (query_stride + score_stride + weight_stride + output_stride); }
};

int64_t PairAttentionScratchBytes(int64_t tokens, int64_t head_dim) { return PairAttentionScratch(tokens, head_dim).Bytes(); }

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
