// patch_embed.h over the register tile: a few tiles of patches are unfolded into scratch, then multiplied panel by panel, so that a
// panel is read once per group and not once per tile.

namespace vitrine::VITRINE_ISA_NAMESPACE {
namespace {

constexpr int64_t kUnfoldedFloats = 48 * 1024;  // a group's share of L2, beside the panel

// Row stride of scratch: whole vectors, and never a multiple of 4 KiB, where all rows of a tile would fall into one L1 set.
inline int64_t UnfoldedStride(int64_t k) { return (k + 15) / 16 * 16 + 16; }
inline int64_t UnfoldedRows(int64_t k) {
  const int64_t tiles = kUnfoldedFloats / (UnfoldedStride(k) * kTileRows);
  return (tiles < 1 ? 1 : tiles) * kTileRows;
}
int64_t PatchScratchFloats(int64_t k) { return UnfoldedRows(k) * UnfoldedStride(k); }

// `count` values from source to out; no byte beyond them is read
inline void Unfold(const uint8_t* source, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(out + i, LoadBytes(source + i));
  for (; i < count; i++) out[i] = float(source[i]);
}
inline void Unfold(const float* source, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Store(out + i, Load(source + i));
  for (; i < count; i++) out[i] = source[i];
}

// Patches [begin, end) are in scratch
void MultiplyPatches(const PatchEmbedCall& call, int64_t k, int64_t begin, int64_t end) {
  alignas(64) float sums[kTileRows * kColumns];
  const int64_t stride = UnfoldedStride(k);
  for (int64_t panel = 0; panel < call.panel_count; panel++) {
    ForTiles(begin, end, [&](int64_t patch, int64_t rows) {
      TileRows<FloatDot>(rows, call.scratch + (patch - begin) * stride, stride, call.panels + panel * k * kColumns, k, sums, kColumns);
      for (int64_t r = 0; r < rows; r++) {
        for (int v = 0; v < kTileVecs; v++) {
          const int64_t column = panel * kColumns + v * kLanes;
          Vec sum = Load(sums + r * kColumns + v * kLanes);
          if (call.bias != nullptr) sum = Add(sum, Load(call.bias + column));
          if (call.position != nullptr) sum = Add(sum, Load(call.position + (patch + r) * call.ld_position + column));
          Store(call.tokens + (patch + r) * call.ldt + column, sum);
        }
      }
    });
  }
}

// A patch as runs of neighbours: run(top, left, i) → where the i-th of `runs` runs of `length` values begins
template <class Run>
inline void EmbedPatches(const PatchEmbedCall& call, int64_t runs, int64_t length, Run&& run) {
  const int64_t k = runs * length, across = call.width / call.patch_width, group = UnfoldedRows(k), stride = UnfoldedStride(k);
  for (int64_t begin = call.patch_begin; begin < call.patch_end; begin += group) {
    const int64_t end = begin + group < call.patch_end ? begin + group : call.patch_end;
    for (int64_t n = begin; n < end; n++) {
      const int64_t top = n / across * call.patch_height, left = n % across * call.patch_width;
      float* row = call.scratch + (n - begin) * stride;
      for (int64_t i = 0; i < runs; i++) Unfold(run(top, left, i), length, row + i * length);
    }
    MultiplyPatches(call, k, begin, end);
  }
}

void EmbedBytes(const PatchEmbedCall& call) {
  EmbedPatches(call, call.patch_height, int64_t(3) * call.patch_width,
               [&call](int64_t top, int64_t left, int64_t y) { return call.bytes + ((top + y) * call.width + left) * 3; });
}

void EmbedPlanes(const PatchEmbedCall& call) {
  EmbedPatches(call, int64_t(3) * call.patch_height, call.patch_width, [&call](int64_t top, int64_t left, int64_t i) {
    const int64_t channel = i / call.patch_height, y = i % call.patch_height;
    return call.planes + (channel * call.height + top + y) * call.width + left;
  });
}

constexpr PatchEmbed kPatchEmbed = {.scratch_floats = PatchScratchFloats, .from_bytes = EmbedBytes, .from_planes = EmbedPlanes};

}  // namespace
}  // namespace vitrine::VITRINE_ISA_NAMESPACE
